// Package lock knows what exactly a platform is made of: the digest of every
// image and of every chart of the catalog, as platform.lock holds them.
//
// A tag can be moved and a chart can be changed; a digest cannot. What the lock
// knows is pulled by digest, and a chart that differs is refused. What it does
// not know yet (an empty digest) is used as it is named, and can be listed.
//
// The package is pure: whoever can ask registries hands in a function that does.
package lock

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/decode"
)

// Lock is the content of a lock file. Its zero value knows nothing and refuses nothing.
type Lock struct {
	Head   string  `yaml:"-"`      // the comment at the top of the file
	Charts []Chart `yaml:"charts"` // by component
	Images []Image `yaml:"images"` // by reference
}

// Chart is one chart of the catalog.
type Chart struct {
	Component string `yaml:"component"`
	Name      string `yaml:"chart"`
	Version   string `yaml:"version"`
	// Repository is where it is fetched from, "" for one in the component's own directory.
	Repository string `yaml:"repository,omitempty"`
	// Digest is the SHA-256 of the packaged chart as its repository serves it, ""
	// while that is unknown; of one in a directory it is [ChartDigest].
	Digest string `yaml:"digest"`
}

// Image is one image of the catalog; the images of the cluster's nodes are among them.
type Image struct {
	Ref    string `yaml:"image"`  // in full: docker.io/library/redis:7.0.15
	Digest string `yaml:"digest"` // of what the tag points to, an index where there is one; "" is unknown
	// Size is what a machine has to pull of it, in bytes; 0 is unknown.
	Size int64 `yaml:"size,omitempty"`
}

// Embedded is the lock inside this binary.
func Embedded() (Lock, error) {
	l, err := Parse(catalog.LockFile)
	if err != nil {
		return l, fmt.Errorf("platform.lock: %w", err)
	}
	return l, nil
}

var (
	digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	refForm    = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+:[A-Za-z0-9_][A-Za-z0-9._-]*$`)
)

// Parse reads a lock file; everything in it is checked.
func Parse(text []byte) (Lock, error) {
	var l Lock
	if err := decode.YAML(text, &l); err != nil && !errors.Is(err, decode.ErrEmpty) {
		return Lock{}, err
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		l.Head += strings.TrimRight(line, "\r\n") + "\n"
	}
	return l, l.check()
}

func (l Lock) check() error {
	seen := map[string]bool{}
	for _, i := range l.Images {
		switch {
		case !refForm.MatchString(i.Ref) || Normal(i.Ref) != i.Ref:
			return fmt.Errorf("image %q is not in full with a tag, as docker.io/library/redis:7.0.15", i.Ref)
		case i.Digest != "" && !digestForm.MatchString(i.Digest):
			return fmt.Errorf("image %s: digest %q is not sha256: and 64 hexadecimal digits", i.Ref, i.Digest)
		case i.Size < 0:
			return fmt.Errorf("image %s: size %d is negative", i.Ref, i.Size)
		case seen[i.Ref]:
			return fmt.Errorf("image %s is listed twice", i.Ref)
		}
		seen[i.Ref] = true
	}
	for _, c := range l.Charts {
		switch {
		case c.Component == "" || c.Name == "" || c.Version == "":
			return fmt.Errorf("chart %q of component %q lacks its component, name or version", c.Name, c.Component)
		case !digestForm.MatchString(c.Digest) && (c.Digest != "" || c.Repository == ""):
			return fmt.Errorf("chart of component %s: digest %q is not sha256: and 64 hexadecimal digits", c.Component, c.Digest)
		case seen["chart "+c.Component]:
			return fmt.Errorf("the chart of component %s is listed twice", c.Component)
		}
		seen["chart "+c.Component] = true
	}
	return nil
}

// Text is the lock as a file, in a stable order under its head.
func (l Lock) Text() ([]byte, error) {
	l.sort()
	var b bytes.Buffer
	b.WriteString(l.Head)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(l); err != nil {
		return nil, fmt.Errorf("write the lock: %w", err)
	}
	return b.Bytes(), nil
}

func (l *Lock) sort() {
	l.Charts, l.Images = slices.Clone(l.Charts), slices.Clone(l.Images)
	slices.SortFunc(l.Charts, func(a, b Chart) int { return cmp.Compare(a.Component, b.Component) })
	slices.SortFunc(l.Images, func(a, b Image) int { return cmp.Compare(a.Ref, b.Ref) })
}

// Image finds an image by its reference, in whatever form; a digest in it does
// not count.
func (l Lock) Image(ref string) (Image, bool) {
	name, _, _ := strings.Cut(Normal(ref), "@")
	for _, i := range l.Images {
		if i.Ref == name {
			return i, true
		}
	}
	return Image{}, false
}

// Pin gives the reference that an image is to be pulled by: with its digest,
// where the lock knows it. A reference that has a digest stays as it is.
func (l Lock) Pin(ref string) string {
	i, ok := l.Image(ref)
	if !ok || i.Digest == "" || strings.Contains(ref, "@") {
		return ref
	}
	return ref + "@" + i.Digest
}

// Unknown are the images of those given that the lock has no digest for.
func (l Lock) Unknown(refs []string) []string {
	var unknown []string
	for _, ref := range refs {
		if !strings.Contains(l.Pin(ref), "@") && !slices.Contains(unknown, ref) {
			unknown = append(unknown, ref)
		}
	}
	return unknown
}

// CheckChart reports a chart that is not the locked one. A lock without any
// chart of that component has nothing to say, as for a chart of the user's own.
// What a repository serves is compared when it is fetched.
func (l Lock) CheckChart(have Chart) error {
	for _, want := range l.Charts {
		if want.Component != have.Component {
			continue
		}
		if have.Repository != "" {
			have.Digest = want.Digest
		}
		if want != have {
			return fmt.Errorf("chart of component %s is %s %s with digest %s, the lock says %s %s with digest %s: if the change is meant, run `hyaction lock update`",
				have.Component, have.Name, have.Version, have.Digest, want.Name, want.Version, want.Digest)
		}
	}
	return nil
}

// DigestOf is the digest that a packaged chart must have, "" if any will do.
func (l Lock) DigestOf(c Chart) string {
	for _, want := range l.Charts {
		if want.Component == c.Component {
			return want.Digest
		}
	}
	return ""
}

// Normal is a reference in full: "redis:7" is "docker.io/library/redis:7". A
// digest stays behind it.
func Normal(ref string) string {
	name, digest, hasDigest := strings.Cut(ref, "@")
	host, path, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = "docker.io", name
	}
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		host = "docker.io"
	}
	if host == "docker.io" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	if !strings.Contains(path, ":") && !hasDigest {
		path += ":latest"
	}
	if hasDigest {
		path += "@" + digest
	}
	return host + "/" + path
}
