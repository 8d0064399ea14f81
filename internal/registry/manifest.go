package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Manifest is what a registry holds under a tag or a digest.
type Manifest struct {
	Digest    string
	Labels    map[string]string // of the configuration; of an index's first image
	Platforms []string          // "linux/arm64/v8", of everything that is for a machine
	Layers    []Layer
	Size      int64 // bytes to pull: configuration and layers

	text stored
}

// stored is a manifest as the registry has it.
type stored struct {
	raw   []byte // nil was not read
	media types.MediaType
}

// RawManifest and MediaType are what the library asks of what it shall put somewhere.
func (s stored) RawManifest() ([]byte, error)        { return s.raw, nil }
func (s stored) MediaType() (types.MediaType, error) { return s.media, nil }

// Layer is one layer as it is pulled, compressed.
type Layer struct {
	Digest string
	Size   int64
	By     string // the instruction that made it; "" when the history does not tell
}

// Read asks what a tag or digest of the repository holds; [ErrNotFound] when nothing.
func (c Client) Read(ctx context.Context, r Repository, tagOrDigest string) (Manifest, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %s", answerTimeout))
	defer cancel()
	desc, err := c.get(ctx, r.reference(tagOrDigest))
	if err != nil {
		return Manifest{}, c.fault(ctx, "ask registry %s for %s", r, tagOrDigest, err)
	}
	m := Manifest{Digest: desc.Digest.String(), text: stored{desc.Manifest, desc.MediaType}}
	image, err := m.machines(desc)
	if err != nil {
		return Manifest{}, c.fault(ctx, "read from registry %s image %s", r, tagOrDigest, err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return Manifest{}, c.fault(ctx, "read from registry %s the manifest of %s", r, tagOrDigest, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return Manifest{}, c.fault(ctx, "read from registry %s the configuration of %s", r, tagOrDigest, err)
	}
	m.Labels, m.Size = config.Config.Labels, manifest.Config.Size
	var by []string
	for _, h := range config.History {
		if !h.EmptyLayer {
			by = append(by, h.CreatedBy)
		}
	}
	for i, l := range manifest.Layers {
		layer := Layer{Digest: l.Digest.String(), Size: l.Size}
		if len(by) == len(manifest.Layers) {
			layer.By = by[i]
		}
		m.Layers = append(m.Layers, layer)
		m.Size += l.Size
	}
	return m, nil
}

// machines notes for which platforms there are images, and opens the first.
func (m *Manifest) machines(desc *remote.Descriptor) (v1.Image, error) {
	all, err := members(desc)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, member.attestation)
	if len(all) == 0 {
		return nil, errors.New("the index has no image for any machine")
	}
	for _, image := range all {
		m.Platforms = append(m.Platforms, image.Platform.String())
	}
	return all[0].open()
}

// Tag puts tags on a manifest, of which the digest is enough. Nothing is moved but the
// manifest itself, and what was read of it before is not read again.
func (c Client) Tag(ctx context.Context, r Repository, m Manifest, tags []string) error {
	if m.text.raw == nil {
		desc, err := c.get(ctx, r.reference(m.Digest))
		if err != nil {
			return c.fault(ctx, "ask registry %s for %s", r, m.Digest, err)
		}
		m.text = stored{desc.Manifest, desc.MediaType}
	}
	opts, err := c.options(ctx, r.repo, transport.PushScope)
	if err != nil {
		return c.fault(ctx, "ask registry %s to take tags of %s", r, m.Digest, err)
	}
	pusher, err := remote.NewPusher(opts...)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if err := pusher.Put(ctx, r.repo.Tag(tag), m.text); err != nil {
			return c.fault(ctx, "put at registry %s the tag %s", r, tag, err)
		}
	}
	return nil
}
