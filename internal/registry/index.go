package registry

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/buenhyden/hy-home/internal/exit"
)

// member is one image of what a name stands for: each one of an index, or the
// image itself.
type member struct {
	v1.Descriptor // its Platform is set, of an attestation to "unknown/unknown"
	open          func() (v1.Image, error)
}

func (m member) attestation() bool { return m.Platform.OS == "unknown" }

// members are the images of an index, unopened, or the one image that it is.
func members(desc *remote.Descriptor) ([]member, error) {
	if !desc.MediaType.IsIndex() {
		image, err := desc.Image()
		if err != nil {
			return nil, err
		}
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		of := desc.Descriptor
		of.Platform = config.Platform()
		return []member{{of, func() (v1.Image, error) { return image, nil }}}, nil
	}
	index, err := desc.ImageIndex()
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var out []member
	for _, d := range list.Manifests {
		if !d.MediaType.IsImage() {
			return nil, fmt.Errorf("the index holds %s, which is no image but %s", d.Digest, d.MediaType)
		}
		if d.Platform == nil {
			d.Platform = &v1.Platform{}
		}
		out = append(out, member{d, func() (v1.Image, error) { return index.Image(d.Digest) }})
	}
	return out, nil
}

// Part is an image, or an index of some, that goes into an index.
type Part struct {
	ref  name.Reference
	text string
}

// ParseParts reads what the input of that name holds: digests of the repository, or
// references of images that the same registry keeps. A fault is bad input.
func ParseParts(input string, r Repository, values []string) ([]Part, error) {
	var parts []Part
	for _, v := range values {
		if ValidDigest(v) {
			parts = append(parts, Part{r.repo.Digest(v), v})
			continue
		}
		ref, err := name.ParseReference(v, name.StrictValidation)
		if err != nil {
			return nil, exit.BadInputf("input %s holds %q: write the digest of an image (sha256:...), or repository@digest", input, v)
		}
		if at := ref.Context().RegistryStr(); at != r.Host() {
			return nil, exit.BadInputf("input %s holds %s, which is at registry %s: only what registry %s has can be merged there", input, v, at, r.Host())
		}
		parts = append(parts, Part{ref, v})
	}
	return parts, nil
}

// Merge makes one index of images that were built for different platforms, puts it
// under the tags, and returns its digest and its platforms. An index among them gives
// what is in it, its attestations too. Layers of another repository are mounted, not
// moved.
//
// Two images for one platform are bad input.
func (c Client) Merge(ctx context.Context, r Repository, parts []Part, tags []string) (digest string, platforms []string, err error) {
	var all []mutate.IndexAddendum
	have := map[string]string{} // platform -> the part that brought it
	for _, part := range parts {
		desc, err := c.get(ctx, part.ref)
		if err != nil {
			return "", nil, c.fault(ctx, "ask registry %s for %s", r, part.text, err)
		}
		added, err := members(desc)
		if err != nil {
			return "", nil, c.fault(ctx, "read from registry %s image %s", r, part.text, err)
		}
		for _, m := range added {
			p := m.Platform.String()
			if other := have[p]; other != "" && !m.attestation() {
				return "", nil, exit.BadInputf("merge %s: %s and %s are both for %s", r, other, part.text, p)
			}
			if have[p] = part.text; !m.attestation() {
				platforms = append(platforms, p)
			}
			image, err := m.open()
			if err != nil {
				return "", nil, c.fault(ctx, "read from registry %s image %s", r, part.text, err)
			}
			all = append(all, mutate.IndexAddendum{Add: image, Descriptor: m.Descriptor})
		}
	}
	index := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, all...), types.OCIImageIndex)
	sum, err := index.Digest()
	if err != nil {
		return "", nil, err
	}
	digest = sum.String()
	if err := remote.WriteIndex(r.repo.Digest(digest), index, c.uploadOptions(ctx)...); err != nil {
		return "", nil, c.fault(ctx, "push to registry %s the index %s", r, strings.Join(tags, ", "), err)
	}
	return digest, platforms, c.Tag(ctx, r, Manifest{Digest: digest}, tags)
}
