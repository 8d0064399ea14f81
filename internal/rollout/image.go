package rollout

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// Image is the image that the judged revision must run. At least one of Tag and
// Digest is set.
type Image struct {
	Repository string // with its registry: "ghcr.io/buenhyden/backend"
	Tag        string // may be empty
	Digest     string // "sha256:…"; may be empty
}

// ParseImage reads an image reference. Docker Hub's short forms are spelled out,
// so "redis:7" and "docker.io/library/redis:7" are the same image.
func ParseImage(s string) (Image, error) {
	image, err := parseImage(s)
	if err != nil {
		return Image{}, err
	}
	if image.Tag == "" && image.Digest == "" {
		return Image{}, fmt.Errorf("it has neither a tag nor a digest")
	}
	return image, nil
}

func parseImage(s string) (Image, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return Image{}, err
	}
	image := Image{Repository: named.Name()}
	if tagged, ok := named.(reference.Tagged); ok {
		image.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		image.Digest = digested.Digest().String()
	}
	return image, nil
}

// String writes the image as a reference.
func (i Image) String() string {
	var b strings.Builder
	b.WriteString(i.Repository)
	if i.Tag != "" {
		b.WriteString(":" + i.Tag)
	}
	if i.Digest != "" {
		b.WriteString("@" + i.Digest)
	}
	return b.String()
}

// Matches reports whether a manifest's image is this one: the same repository,
// and no difference in what both of them name. Two digests decide alone, because
// a runtime ignores the tag beside one; otherwise the tags do. A reference with
// only a digest and one with only a tag cannot be compared, so they do not match.
func (i Image) Matches(ref string) bool {
	other, err := parseImage(ref)
	if err != nil || other.Repository != i.Repository {
		return false
	}
	if i.Digest != "" && other.Digest != "" {
		return i.Digest == other.Digest
	}
	return i.Tag != "" && i.Tag == other.Tag
}

// Find returns the container that runs the image: the one called name, or any
// when name is empty.
func (i Image) Find(containers []Container, name string) (Container, bool) {
	for _, c := range containers {
		if (name == "" || c.Name == name) && i.Matches(c.Image) {
			return c, true
		}
	}
	return Container{}, false
}
