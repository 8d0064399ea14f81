package imagetag

import (
	"encoding/csv"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// rule is one line of the tags: "type=semver,pattern={{version}}".
type rule struct {
	line     string
	kind     string
	attrs    map[string]string
	priority int
	group    int
}

// priorities are those of metadata-action; the highest makes the version.
var priorities = map[string]int{"schedule": 1000, "semver": 900, "pep440": 900, "match": 800, "edge": 700, "ref": 600, "raw": 200, "sha": 100}

// allowed are the attributes of each kind beside those that all have.
var allowed = map[string][]string{
	"schedule": {"pattern"}, "semver": {"pattern", "value", "match"}, "pep440": {"pattern", "value", "match"}, "match": {"pattern", "group", "value"},
	"edge": {"branch"}, "ref": {"event"}, "raw": {"value"}, "sha": {"format"},
}

func parseRule(line string) (rule, error) {
	r := rule{line: line, kind: "raw", attrs: map[string]string{"enable": "true"}}
	fields, err := fields(line)
	if err != nil {
		return rule{}, fmt.Errorf("%q: %w", line, err)
	}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		switch {
		case !ok:
			r.attrs["value"] = strings.TrimSpace(field)
		case key == "type":
			r.kind = value
		default:
			r.attrs[key] = value
		}
	}
	if err := r.complete(); err != nil {
		return rule{}, fmt.Errorf("%q: %w", line, err)
	}
	return r, nil
}

// complete fills the defaults in and judges the attributes.
func (r *rule) complete() (err error) {
	known, ok := allowed[r.kind]
	if !ok {
		return fmt.Errorf("unknown type %q: want schedule, semver, pep440, match, edge, ref, raw or sha", r.kind)
	}
	for name := range r.attrs {
		if !slices.Contains(known, name) && !slices.Contains([]string{"enable", "priority", "prefix", "suffix"}, name) {
			return fmt.Errorf("type %s has no attribute %s", r.kind, name)
		}
	}
	preset := func(name, value string) {
		if _, ok := r.attrs[name]; !ok {
			r.attrs[name] = value
		}
	}
	var choices []string
	switch r.kind {
	case "schedule":
		preset("pattern", "nightly")
	case "semver", "pep440", "match":
		if r.attrs["pattern"] == "" {
			return errors.New("attribute pattern is missing")
		}
	case "raw":
		if r.attrs["value"] == "" {
			return errors.New("attribute value is missing")
		}
	case "ref":
		choices = []string{r.attrs["event"], "branch", "tag", "pr"}
		if r.attrs["event"] == "pr" {
			preset("prefix", "pr-")
		}
	case "sha":
		preset("prefix", "sha-")
		preset("format", "short")
		choices = []string{r.attrs["format"], "short", "long"}
	}
	if choices != nil && !slices.Contains(choices[1:], choices[0]) {
		return fmt.Errorf("%q is none of %s", choices[0], strings.Join(choices[1:], ", "))
	}
	r.priority = priorities[r.kind]
	if p, ok := r.attrs["priority"]; ok {
		if r.priority, err = strconv.Atoi(p); err != nil {
			return fmt.Errorf("priority is %q, want a whole number", p)
		}
	}
	if g, ok := r.attrs["group"]; ok {
		if r.group, err = strconv.Atoi(g); err != nil || r.group < 0 {
			return fmt.Errorf("group is %q, want a whole number", g)
		}
	}
	return nil
}

var delimited = pattern.New(`^/(.+)/([a-z]*)$`)

// pattern compiles a pattern of type=match: bare, or /between slashes/ with flags.
func (r rule) pattern() (*regexp.Regexp, error) {
	text := r.attrs["pattern"]
	if m := delimited.FindStringSubmatch(text); m != nil {
		text = m[1]
		flags := strings.Trim(m[2], "gu") // the first match is taken anyway, and Go's text is Unicode
		if strings.Trim(flags, "ims") != "" {
			return nil, fmt.Errorf("pattern has flags %q, want some of i, m, s", flags)
		}
		if flags != "" {
			text = "(?" + flags + ")" + text
		}
	}
	return compile(text)
}

func compile(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w (look-around and back-references are not supported)", err)
	}
	return re, nil
}

// flavor is what holds for all tags.
type flavor struct {
	latest, prefix, suffix     string
	prefixLatest, suffixLatest bool
}

func parseFlavor(lines []string) (flavor, error) {
	f := flavor{latest: "auto"}
	for _, line := range lines {
		fields, err := fields(line)
		if err != nil {
			return f, fmt.Errorf("flavor %q: %w", line, err)
		}
		var onLatest *bool
		for _, field := range fields {
			key, value, _ := strings.Cut(field, "=")
			value = strings.TrimSpace(value)
			ok := true
			switch strings.ToLower(strings.TrimSpace(key)) {
			case "latest":
				f.latest, ok = value, slices.Contains([]string{"auto", "true", "false"}, value)
			case "prefix":
				f.prefix, onLatest = value, &f.prefixLatest
			case "suffix":
				f.suffix, onLatest = value, &f.suffixLatest
			case "onlatest":
				if ok = onLatest != nil && (value == "true" || value == "false"); ok {
					*onLatest = value == "true"
				}
			default:
				ok = false
			}
			if !ok {
				return f, fmt.Errorf("flavor %q: %q is none of latest=auto|true|false, prefix=..., suffix=..., onlatest=true|false behind one of these", line, field)
			}
		}
	}
	return f, nil
}

func fields(line string) ([]string, error) {
	f, err := csv.NewReader(strings.NewReader(line)).Read()
	if err != nil {
		return nil, fmt.Errorf("it is no line of comma-separated values: %w", err)
	}
	return f, nil
}
