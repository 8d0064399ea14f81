package imagetag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// Repository is what GitHub tells of the repository that an image comes from.
type Repository struct {
	Name, Description string
	URL               string // for a browser
	License           string // SPDX identifier
}

const ociPrefix = "org.opencontainers.image."

// Labels are those of the OCI specification that the event makes, and those asked
// for, which win: name=value, sorted by name. What is not known is left out
// (metadata-action sets it empty), and created is the commit's date, not now: the
// same commit makes the same image.
func Labels(asked []string, version string, e Event) ([]string, error) {
	made := map[string]string{
		"title": e.Repository.Name, "description": e.Repository.Description, "url": e.Repository.URL, "source": e.Repository.URL,
		"licenses": e.Repository.License, "version": version, "revision": e.SHA,
	}
	if !e.CommitDate.IsZero() {
		made["created"] = e.CommitDate.UTC().Format("2006-01-02T15:04:05Z")
	}
	all := map[string]string{}
	for name, value := range made {
		if value != "" {
			all[ociPrefix+name] = value
		}
	}
	m := maker{event: e}
	for _, line := range uncommented(asked) {
		text, err := m.global(line)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not name=value", line)
		}
		all[name] = value
	}
	out := make([]string, 0, len(all))
	for name, value := range all {
		out = append(out, name+"="+value)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(nameOf(a), nameOf(b)) })
	return out, nil
}

func nameOf(pair string) string { name, _, _ := strings.Cut(pair, "="); return name }

// levels are where an annotation can be put; one may be narrowed to a platform.
const level = `(?:manifest|index|manifest-descriptor|index-descriptor)(?:\[[a-z0-9/._-]+\])?`

var (
	levelled  = pattern.New(`^(` + level + `(?:,` + level + `)*):(.+)$`)
	levelList = pattern.New(`^` + level + `$`)
)

// Annotations are labels at levels of the image, "manifest:name=value". One that
// was asked for with a level of its own ("index,manifest:name=value", as
// docker/build-push-action takes it) stays there.
func Annotations(asked, levels []string, version string, e Event) ([]string, error) {
	for _, l := range levels {
		if !levelList.MatchString(l) {
			return nil, fmt.Errorf("level %q is none of manifest, index, manifest-descriptor, index-descriptor", l)
		}
	}
	var plain, placed []string
	for _, line := range uncommented(asked) {
		if levelled.MatchString(line) {
			placed = append(placed, line)
			continue
		}
		plain = append(plain, line)
	}
	pairs, err := Labels(plain, version, e)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range levels {
		for _, p := range pairs {
			out = append(out, l+":"+p)
		}
	}
	m := maker{event: e}
	for _, line := range placed {
		g := levelled.FindStringSubmatch(line)
		pair, err := m.global(g[2])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		if name := nameOf(pair); name == "" || name == pair {
			return nil, fmt.Errorf("%q is not level:name=value", line)
		}
		// One made for the same level gives way.
		for at := range strings.SplitSeq(g[1], ",") {
			out = slices.DeleteFunc(out, func(have string) bool { return strings.HasPrefix(have, at+":"+nameOf(pair)+"=") })
			out = append(out, at+":"+pair)
		}
	}
	return out, nil
}

// uncommented leaves out lines that start with a number sign.
func uncommented(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), "#") })
}
