// Package imagetag makes an image's tags, labels and annotations of what happened
// in a repository, by the rules of docker/metadata-action (https://github.com/docker/metadata-action),
// so that whoever used it keeps their lines.
//
// It differs where silence would hide a mistake: an unknown expression, a regular
// expression that Go does not know (look-around, back-references) and a text that
// makes no valid tag are faults there and here named. Expressions are not escaped
// for HTML. It is pure: the event comes in, tags go out.
package imagetag

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// Event is what happened, as GitHub tells it.
type Event struct {
	Name          string // "push", "schedule"
	Ref           string // "refs/heads/main", "refs/tags/v1", "refs/pull/7/merge"
	SHA           string // full
	DefaultBranch string
	BaseRef       string // of a pull request: the branch it goes to
	Number        int    // of a pull request
	Now           time.Time
	CommitDate    time.Time // zero: Now
	Repository    Repository
}

// Tags are the tags of an image.
type Tags struct {
	Version  string   // the tag of the highest priority: the image's version
	All      []string // Version first, each once, "latest" last
	Warnings []string // rules that asked for something the event does not have
}

// shortSHA is how long a short SHA is: metadata-action's default.
const shortSHA = 7

// Make applies the rules, one per element, under the flavor. A fault names its line.
func Make(rules, flavor []string, e Event) (Tags, error) {
	if e.Name == "pull_request_target" && e.Number > 0 {
		// GitHub gives such a job the ref of the branch that the request goes to.
		e.Ref = fmt.Sprintf("refs/pull/%d/merge", e.Number)
	}
	f, err := parseFlavor(uncommented(flavor))
	if err != nil {
		return Tags{}, err
	}
	rules = uncommented(rules)
	parsed := make([]rule, len(rules))
	for i, line := range rules {
		if parsed[i], err = parseRule(line); err != nil {
			return Tags{}, err
		}
	}
	slices.SortStableFunc(parsed, func(a, b rule) int { return b.priority - a.priority })
	m := maker{event: e, flavor: f}
	for _, r := range parsed {
		if err := m.apply(r); err != nil {
			return Tags{}, fmt.Errorf("%q: %w", r.line, err)
		}
	}
	if m.latest != nil && *m.latest && len(m.tags.All) > 0 {
		prefix, suffix := "", ""
		if f.prefixLatest {
			prefix = f.prefix
		}
		if f.suffixLatest {
			suffix = f.suffix
		}
		m.tags.All = append(m.tags.All, clean(prefix+"latest"+suffix))
	}
	m.tags.All = once(m.tags.All)
	return m.tags, nil
}

type maker struct {
	event  Event
	flavor flavor
	latest *bool // the first tag decides
	tags   Tags
}

func (m *maker) warn(format string, args ...any) {
	m.tags.Warnings = append(m.tags.Warnings, fmt.Sprintf(format, args...))
}

func (m *maker) apply(r rule) error {
	enabled, err := m.global(r.attrs["enable"])
	if err != nil {
		return err
	}
	switch enabled {
	case "false":
		return nil
	case "true":
	default:
		return fmt.Errorf("enable is %q, want true or false", enabled)
	}
	value, latest, err := m.value(r)
	if err != nil || value == "" {
		return err
	}
	value, err = m.affixed(r, value)
	if err != nil {
		return err
	}
	value = clean(value)
	if m.tags.Version == "" {
		m.tags.Version = value
	}
	m.tags.All = append(m.tags.All, value)
	if m.latest == nil {
		if m.flavor.latest != "auto" {
			latest = m.flavor.latest == "true"
		}
		m.latest = &latest
	}
	return nil
}

// value is what a rule makes of the event, before prefix and suffix; "" when the
// event is none of its business. latest is what flavor latest=auto makes of it.
func (m *maker) value(r rule) (value string, latest bool, err error) {
	e := m.event
	switch r.kind {
	case "schedule":
		if e.Name != "schedule" {
			return "", false, nil
		}
		value, err = expand(r.attrs["pattern"], m.dates())
		return value, false, err
	case "ref":
		switch r.attrs["event"] {
		case "branch":
			value = e.branch()
		case "tag":
			value = e.tag()
		default:
			if rest, ok := strings.CutPrefix(e.Ref, "refs/pull/"); ok {
				value = strings.TrimSuffix(rest, "/merge")
			}
		}
		return value, r.attrs["event"] == "tag", nil
	case "edge":
		branch := r.attrs["branch"]
		if branch == "" {
			branch = e.DefaultBranch
		}
		if e.branch() == "" || e.branch() != branch {
			return "", false, nil
		}
		return "edge", false, nil
	case "raw":
		value, err = m.global(r.attrs["value"])
		return value, false, err
	case "sha":
		if r.attrs["format"] == "long" {
			return e.SHA, false, nil
		}
		return e.short(), false, nil
	}
	// What is left reads a Git tag, or a value in its place.
	text := e.tag()
	if v := r.attrs["value"]; v != "" {
		if text, err = m.global(v); err != nil {
			return "", false, err
		}
	}
	if text == "" {
		return "", false, nil
	}
	if r.kind == "match" {
		return m.match(r, text)
	}
	return m.versioned(r, text)
}

func (m *maker) match(r rule, text string) (string, bool, error) {
	re, err := r.pattern()
	if err != nil {
		return "", false, err
	}
	found := re.FindStringSubmatch(text)
	switch {
	case found == nil:
		m.warn("%s does not match %s", r.attrs["pattern"], text)
		return "", false, nil
	case r.group >= len(found):
		m.warn("group %d does not exist in %s", r.group, r.attrs["pattern"])
		return "", false, nil
	}
	return found[r.group], true, nil
}

// affixed puts prefix and suffix around a value: the rule's own, else the flavor's.
func (m *maker) affixed(r rule, value string) (string, error) {
	prefix, ok := r.attrs["prefix"]
	if !ok {
		prefix = m.flavor.prefix
	}
	suffix, ok := r.attrs["suffix"]
	if !ok {
		suffix = m.flavor.suffix
	}
	prefix, err := m.global(prefix)
	if err != nil {
		return "", err
	}
	suffix, err = m.global(suffix)
	return prefix + value + suffix, err
}

func (e Event) branch() string { return after(e.Ref, "refs/heads/") }
func (e Event) tag() string    { return after(e.Ref, "refs/tags/") }
func (e Event) short() string  { return e.SHA[:min(shortSHA, len(e.SHA))] }

func after(s, prefix string) string {
	if rest, ok := strings.CutPrefix(s, prefix); ok {
		return rest
	}
	return ""
}

var illegal = pattern.New(`[^a-zA-Z0-9._-]+`)

func clean(tag string) string { return illegal.ReplaceAllString(tag, "-") }

func once(tags []string) []string {
	var out []string
	for _, t := range tags {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}
