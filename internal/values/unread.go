package values

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Chart is as much of a Helm chart as tells which values it reads.
type Chart struct {
	Defaults  map[string]any
	Templates string           // all of them, one after the other
	Parts     map[string]Chart // subcharts, by the name their values go under
}

// Unread is a value that no template of a chart reads.
type Unread struct {
	Path    string // with its parents: "server.retention"
	Line    int    // in the text that was looked at
	similar string
}

// Meant is " (is x meant?)" where a value has a name like it, else "".
func (u Unread) Meant() string {
	if u.similar == "" {
		return ""
	}
	return " (is " + u.similar + " meant?)"
}

// Unread lists the values of a text that the chart does not read.
func (c Chart) Unread(text []byte) ([]Unread, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if root.Kind == 0 {
		return nil, nil // nothing but comments
	}
	return c.unread(root.Content[0]), nil
}

func (c Chart) unread(n *yaml.Node) []Unread { return c.unreadBelow(n, c.Defaults, "") }

func (c Chart) unreadBelow(n *yaml.Node, defaults map[string]any, above string) []Unread {
	var out []Unread
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		full := strings.TrimPrefix(above+"."+key.Value, ".")
		part, isPart := c.Parts[key.Value]
		known, isKnown := defaults[key.Value]
		below, isMap := known.(map[string]any)
		switch {
		case above == "" && key.Tag == "!!merge":
		case above == "" && key.Value == "global":
			below, _ := defaults["global"].(map[string]any)
			for _, u := range c.unreadBelow(value, below, full) {
				if !c.partReads(u.Path) { // it is every subchart's as well
					out = append(out, u)
				}
			}
		case above == "" && isPart && len(part.Defaults) > 0:
			for _, u := range part.unread(value) {
				// A chart may look into the values of its subcharts itself.
				if u.Path = full + "." + u.Path; !c.reads(u.Path) {
					out = append(out, u)
				}
			}
		case above == "" && isPart:
		case isKnown && isMap && len(below) > 0 && !c.wholesale(full):
			out = append(out, c.unreadBelow(value, below, full)...)
		case isKnown || c.reads(full) || above != "" && c.wholesale(above):
		default:
			u := Unread{Path: full, Line: key.Line}
			for _, name := range sorted(defaults) {
				if near(key.Value, name) {
					u.similar = strings.TrimPrefix(above+"."+name, ".")
				}
			}
			out = append(out, u)
		}
	}
	return out
}

// reads reports that a template names the value, or one below it.
func (c Chart) reads(path string) bool {
	return regexp.MustCompile(`\.Values\.`+regexp.QuoteMeta(path)+`\b`).MatchString(c.Templates) || c.picks(path)
}

// partReads reports that a subchart reads it, or all that it is among, or has it among
// its defaults. One that is not at hand may read anything.
func (c Chart) partReads(path string) bool {
	for _, part := range c.Parts {
		if len(part.Defaults) == 0 && part.Templates == "" && len(part.Parts) == 0 {
			return true
		}
		var value any = part.Defaults
		for name := range strings.SplitSeq(path, ".") {
			below, _ := value.(map[string]any)
			value = below[name]
		}
		above := path[:strings.LastIndex(path, ".")]
		if value != nil || part.reads(path) || part.wholesale(above) || part.partReads(path) {
			return true
		}
	}
	return false
}

// picks reports that a template takes the value out of all of them by its name, as
// in: pick .Values "cni" "env".
func (c Chart) picks(path string) bool {
	top, _, _ := strings.Cut(path, ".")
	return regexp.MustCompile(`\bpick \$?\.Values( "[^"]+")* "` + regexp.QuoteMeta(top) + `"`).MatchString(c.Templates)
}

// wholesale reports that a template takes a mapping as a whole: whatever is in it
// may be read.
func (c Chart) wholesale(path string) bool {
	return regexp.MustCompile(`\.Values\.`+regexp.QuoteMeta(path)+`([^\w.]|$)`).MatchString(c.Templates) || c.picks(path)
}

// near reports that two names differ by case or by a slip of two letters at most.
func near(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := last
			if a[i-1] != b[j-1] {
				cost++
			}
			last, row[j] = row[j], min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)] <= 2 && row[len(b)] < len(b)
}

func sorted(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
