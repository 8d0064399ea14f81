package workspace

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
	jsonyaml "sigs.k8s.io/yaml"
)

// chart is as much of a Helm chart as tells which values it reads.
type chart struct {
	defaults  map[string]any
	templates string
	parts     map[string]chart // subcharts, by the name their values go under
}

// readChart reads the chart directory of a component; there may be none.
func readChart(files fs.FS) (chart, error) { return readChartAt(files, "chart") }

func readChartAt(files fs.FS, dir string) (chart, error) {
	c := chart{defaults: map[string]any{}, parts: map[string]chart{}}
	if text, err := fs.ReadFile(files, path.Join(dir, "values.yaml")); err == nil {
		if err := jsonyaml.Unmarshal(text, &c.defaults); err != nil {
			return c, fmt.Errorf("the chart's values: %w", err)
		}
	}
	var meta struct {
		Dependencies []struct{ Name, Alias string } `json:"dependencies"`
	}
	if text, err := fs.ReadFile(files, path.Join(dir, "Chart.yaml")); err == nil {
		if err := jsonyaml.Unmarshal(text, &meta); err != nil {
			return c, fmt.Errorf("Chart.yaml: %w", err)
		}
	}
	for _, d := range meta.Dependencies {
		part, err := readChartAt(files, path.Join(dir, "charts", d.Name))
		if err != nil {
			return c, err
		}
		c.parts[d.Name], c.parts[d.Alias] = part, part
	}
	var b strings.Builder
	err := fs.WalkDir(files, path.Join(dir, "templates"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // a chart without templates reads no values
		}
		text, err := fs.ReadFile(files, name)
		b.Write(text)
		return err
	})
	c.templates = b.String()
	return c, err
}

// unread is a value that no template of the chart reads.
type unread struct {
	path    string
	line    int
	similar string
}

func (u unread) meant() string {
	if u.similar == "" {
		return ""
	}
	return " (is " + u.similar + " meant?)"
}

// unread lists the values of a mapping that the chart does not read.
func (c chart) unread(n *yaml.Node) []unread { return c.unreadBelow(n, c.defaults, "") }

func (c chart) unreadBelow(n *yaml.Node, defaults map[string]any, above string) []unread {
	var out []unread
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		full := strings.TrimPrefix(above+"."+key.Value, ".")
		part, isPart := c.parts[key.Value]
		known, isKnown := defaults[key.Value]
		below, isMap := known.(map[string]any)
		switch {
		case above == "" && (key.Value == "global" || key.Tag == "!!merge"):
		case above == "" && isPart && len(part.defaults) > 0:
			for _, u := range part.unread(value) {
				u.path = full + "." + u.path
				out = append(out, u)
			}
		case above == "" && isPart:
		case isKnown && isMap && len(below) > 0 && !c.wholesale(full):
			out = append(out, c.unreadBelow(value, below, full)...)
		case isKnown || c.reads(full) || above != "" && c.wholesale(above):
		default:
			u := unread{path: full, line: key.Line}
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
func (c chart) reads(path string) bool {
	return regexp.MustCompile(`\.Values\.` + regexp.QuoteMeta(path) + `\b`).MatchString(c.templates)
}

// wholesale reports that a template takes a mapping as a whole: whatever is in it
// may be read.
func (c chart) wholesale(path string) bool {
	return regexp.MustCompile(`\.Values\.` + regexp.QuoteMeta(path) + `([^\w.]|$)`).MatchString(c.templates)
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

// replaced is a file system in which one file says something else.
type replaced struct {
	fs.FS
	name string
	text []byte
}

// Open implements [fs.FS].
func (r replaced) Open(name string) (fs.File, error) {
	if name != r.name {
		return r.FS.Open(name)
	}
	return &memFile{Reader: bytes.NewReader(r.text), name: path.Base(name)}, nil
}

// memFile is a file in memory.
type memFile struct {
	*bytes.Reader
	name string
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memFile) Close() error               { return nil }
func (f *memFile) Name() string               { return f.name }
func (f *memFile) Mode() fs.FileMode          { return 0o444 }
func (f *memFile) ModTime() time.Time         { return time.Time{} }
func (f *memFile) IsDir() bool                { return false }
func (f *memFile) Sys() any                   { return nil }
