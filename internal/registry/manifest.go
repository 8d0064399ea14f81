package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
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
}

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
	desc, err := remote.Get(r.reference(tagOrDigest), c.options(ctx)...)
	if err != nil {
		return Manifest{}, c.fault(ctx, "ask registry %s for %s", r, tagOrDigest, err)
	}
	m := Manifest{Digest: desc.Digest.String()}
	image, platforms, err := machines(desc)
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
	if platforms == nil {
		platforms = []string{config.Platform().String()}
	}
	m.Platforms = platforms
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

// machines is the image itself, or the first one of an index that is for a machine,
// and the platforms of all of those: attestations lie beside them as images for
// "unknown". An image alone does not name its platform before it is read.
func machines(desc *remote.Descriptor) (image v1.Image, platforms []string, err error) {
	if !desc.MediaType.IsIndex() {
		image, err = desc.Image()
		return image, nil, err
	}
	index, err := desc.ImageIndex()
	if err != nil {
		return nil, nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, nil, err
	}
	for _, m := range list.Manifests {
		if !m.MediaType.IsImage() || m.Platform != nil && m.Platform.OS == "unknown" {
			continue
		}
		if m.Platform != nil {
			platforms = append(platforms, m.Platform.String())
		}
		if image == nil {
			if image, err = index.Image(m.Digest); err != nil {
				return nil, nil, err
			}
		}
	}
	if image == nil {
		return nil, nil, errors.New("the index has no image for any machine")
	}
	return image, platforms, nil
}

// Tag puts tags on what a digest names. Nothing is moved but the manifest.
func (c Client) Tag(ctx context.Context, r Repository, digest string, tags []string) error {
	desc, err := remote.Get(r.reference(digest), c.options(ctx)...)
	if err != nil {
		return c.fault(ctx, "ask registry %s for %s", r, digest, err)
	}
	for _, tag := range tags {
		if err := remote.Tag(r.repo.Tag(tag), desc, c.options(ctx)...); err != nil {
			return c.fault(ctx, "put at registry %s the tag %s", r, tag, err)
		}
	}
	return nil
}

// Merge makes one index of images of the repository that were built for different
// platforms, puts it under the tags, and returns its digest. An index among them
// gives what is in it, its attestations too.
func (c Client) Merge(ctx context.Context, r Repository, digests, tags []string) (string, error) {
	var parts []mutate.IndexAddendum
	have := map[string]string{} // platform -> the digest that brought it
	for _, digest := range digests {
		desc, err := remote.Get(r.reference(digest), c.options(ctx)...)
		if err != nil {
			return "", c.fault(ctx, "ask registry %s for %s", r, digest, err)
		}
		added, err := addenda(desc)
		if err != nil {
			return "", c.fault(ctx, "read from registry %s image %s", r, digest, err)
		}
		for _, a := range added {
			p := a.Platform.String()
			if other := have[p]; other != "" && a.Platform.OS != "unknown" {
				return "", fmt.Errorf("merge %s: %s and %s are both for %s", r, other, digest, p)
			}
			have[p] = digest
		}
		parts = append(parts, added...)
	}
	index := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, parts...), types.OCIImageIndex)
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	for _, tag := range tags {
		if err := remote.WriteIndex(r.repo.Tag(tag), index, c.options(ctx)...); err != nil {
			return "", c.fault(ctx, "push to registry %s the index %s", r, tag, err)
		}
	}
	return digest.String(), nil
}

func addenda(desc *remote.Descriptor) ([]mutate.IndexAddendum, error) {
	if !desc.MediaType.IsIndex() {
		image, err := desc.Image()
		if err != nil {
			return nil, err
		}
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		return []mutate.IndexAddendum{{Add: image, Descriptor: v1.Descriptor{Platform: config.Platform()}}}, nil
	}
	index, err := desc.ImageIndex()
	if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var out []mutate.IndexAddendum
	for _, m := range list.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			return nil, err
		}
		if m.Platform == nil {
			m.Platform = &v1.Platform{}
		}
		out = append(out, mutate.IndexAddendum{Add: image, Descriptor: m})
	}
	return out, nil
}

func (c Client) options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(c.keychain()), remote.WithTransport(c.transport())}
}

func (r Repository) reference(tagOrDigest string) name.Reference {
	if ValidDigest(tagOrDigest) {
		return r.repo.Digest(tagOrDigest)
	}
	return r.repo.Tag(tagOrDigest)
}

// fault is an error of the library in one sentence; doing has two places, for the
// registry and for what was asked of it.
func (c Client) fault(ctx context.Context, doing string, r Repository, what string, err error) error {
	var e *transport.Error
	if errors.As(err, &e) {
		if e.StatusCode == http.StatusNotFound {
			return fmt.Errorf("%s %s: %w", r, what, ErrNotFound)
		}
		err = errors.New(reason(e))
	}
	return fmt.Errorf(doing+": %w", r.Host(), what, cause(ctx, err))
}
