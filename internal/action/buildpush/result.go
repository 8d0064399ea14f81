package buildpush

import (
	"maps"
	"slices"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/buildlog"
	"github.com/buenhyden/hy-home/internal/contentkey"
	"github.com/buenhyden/hy-home/internal/registry"
)

// Result is what was built. It is filled as far as the run came, also beside an
// error.
type Result struct {
	Image       string   // the repository
	Tags        []string // the version first
	Labels      []string // of the image, as far as they are ours: name=value
	Annotations []string // level:name=value
	Built       bool     // false also when the registry had the same content, or images were merged
	Merged      []string // the images that became one index
	Digest      string   // of the manifest in the registry; "" when not pushed
	ImageID     string   // the engine's own
	Metadata    []byte   // what buildx tells of the build, JSON; nil of other tools
	Manifest    registry.Manifest
	Content     contentkey.Key
	NoKey       string // why Content is empty
	Source      Source
	Tool        builder.Tool
	SignedBy    string // "" when nobody did
	Warnings    []string
	called      bool // the Dockerfile was asked about, and nothing built
	steps       []step
	log         []buildlog.Step
}

// Ref is the image by its first tag and digest: the tag is for people, the
// digest is what counts. It is "" when the image was not pushed.
func (r Result) Ref() string {
	if r.Digest == "" {
		return ""
	}
	if len(r.Tags) == 0 {
		return r.Image + "@" + r.Digest // an output pushed by digest alone
	}
	return r.Image + ":" + r.Tags[0] + "@" + r.Digest
}

// Refs are the references by tag.
func (r Result) Refs() []string {
	refs := make([]string, len(r.Tags))
	for i, tag := range r.Tags {
		refs[i] = r.Image + ":" + tag
	}
	return refs
}

// pairs are name=value, sorted by name.
func pairs(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, name+"="+m[name])
	}
	return out
}
