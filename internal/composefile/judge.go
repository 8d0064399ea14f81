package composefile

import (
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/buenhyden/hy-home/internal/decode"
)

// Service is what is judged of a service after its files were merged.
type Service struct {
	Name    string
	Image   string // in full: "docker.io/library/redis:7"
	Tagged  bool   // the file names a tag or a digest
	Built   bool   // it is built on this machine
	Env     []string
	Mounts  []string // targets
	Command bool     // it has a command of its own
	Memory  int64    // limit in bytes; 0 is none
	Job     bool     // it is meant to end
	Awaited bool     // another service waits for its end
}

// known is what is known of images.
type known struct {
	Gone   []gone  `yaml:"gone"`
	Images []image `yaml:"images"`
}

type gone struct {
	Image  string `yaml:"image"`
	Why    string `yaml:"why"`
	Source string `yaml:"source"`
}

// image says which settings an image does not know, and which it cannot do without.
type image struct {
	Image    string            `yaml:"image"`
	Unknown  map[string]string `yaml:"unknown"`  // variable, may be a pattern: why, and what is right
	Required map[string]string `yaml:"required"` // variables, any of "A|B": why
	Mounts   map[string]string `yaml:"mounts"`   // target: why nobody reads it
	Source   string            `yaml:"source"`
}

//go:embed images.yaml
var imagesText []byte

var images = sync.OnceValues(func() (known, error) {
	var k known
	err := decode.YAML(imagesText, &k)
	return k, err
})

// Judge reports what will bite in the merged services. memory is what the
// machine has; 0 is unknown.
func Judge(docs []Doc, services []Service, memory int64) ([]Finding, error) {
	k, err := images()
	if err != nil {
		return nil, fmt.Errorf("images.yaml: %w", err)
	}
	var out []Finding
	var limits int64
	for _, s := range services {
		at := func(keys ...string) Pos { return Find(docs, append([]string{"services", s.Name}, keys...)...) }
		add := func(p Pos, format string, args ...any) {
			out = append(out, Finding{p, "service " + s.Name + ": " + fmt.Sprintf(format, args...)})
		}
		repository, tag := split(s.Image)
		if !s.Built && (!s.Tagged || tag == "latest") {
			add(at("image"), "image %s has no fixed version, so that tomorrow's run may get another: name a tag", strings.TrimSuffix(s.Image, ":latest"))
		}
		for _, g := range k.Gone {
			if matches(g.Image, repository) {
				add(at("image"), "image %s: %s (%s)", repository, g.Why, g.Source)
			}
		}
		for _, i := range k.Images {
			if matches(i.Image, repository) {
				i.judge(s, at, add)
			}
		}
		if s.Job && !s.Awaited {
			add(at(), "it ends, and nothing waits for that: what needs its work may start before it is done, and docker compose up --wait fails; add depends_on: {%s: {condition: service_completed_successfully}} to what needs it", s.Name)
		}
		if limits += s.Memory; s.Memory > memory && memory > 0 {
			add(at("mem_limit"), "its memory limit of %s is more than the machine's %s: lower it, or it is the machine that runs out", size(s.Memory), size(memory))
		}
	}
	if limits > memory && memory > 0 {
		out = append(out, Finding{Find(docs, "services"), fmt.Sprintf("the services' memory limits add up to %s, the machine has %s: lower them, or choose fewer by compose-profiles", size(limits), size(memory))})
	}
	return out, nil
}

func (i image) judge(s Service, at func(...string) Pos, add func(Pos, string, ...any)) {
	for _, name := range s.Env {
		for _, pattern := range slices.Sorted(maps.Keys(i.Unknown)) {
			if matches(pattern, name) {
				add(at("environment", name), "%s: %s (%s)", name, i.Unknown[pattern], i.Source)
			}
		}
	}
	for _, names := range slices.Sorted(maps.Keys(i.Required)) {
		if !slices.ContainsFunc(strings.Split(names, "|"), func(name string) bool { return slices.Contains(s.Env, name) }) {
			first, _, _ := strings.Cut(names, "|")
			add(at("environment"), "%s is missing: %s (%s)", first, i.Required[names], i.Source)
		}
	}
	for _, target := range slices.Sorted(maps.Keys(i.Mounts)) {
		if slices.Contains(s.Mounts, target) && !s.Command {
			add(at("volumes"), "%s: %s (%s)", target, i.Mounts[target], i.Source)
		}
	}
}

// matches is a pattern in which * stands for anything but a slash.
func matches(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}

// split takes a full reference apart; the tag of a digest is empty.
func split(ref string) (repository, tag string) {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		return ref[:i], ref[i+1:]
	}
	return ref, ""
}

func size(n int64) string {
	if n >= 1<<30 {
		return strings.Replace(fmt.Sprintf("%.1fGi", float64(n)/(1<<30)), ".0Gi", "Gi", 1)
	}
	return fmt.Sprintf("%dMi", n>>20)
}
