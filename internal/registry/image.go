package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/buenhyden/hy-home/internal/exit"
)

// ErrUnreachable says that no answer came from the registry at all.
var ErrUnreachable = errors.New("the registry is not in reach")

// Images asks for images by their references. It is safe for concurrent use.
type Images struct {
	Client
	// Via is the URL of a registry that is asked in place of each image's own,
	// under the same path; "" asks the image's own.
	Via      string
	Platform string // "" is linux/amd64
}

// Described is what a registry says of an image.
type Described struct {
	Digest string // of what the reference names: an index where there is one
	Size   int64  // bytes to pull for one platform: configuration and layers
}

// Describe asks what a reference names; [ErrNotFound] and [ErrUnreachable] are
// told apart from other errors.
func (s Images) Describe(ctx context.Context, ref string) (Described, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %s", answerTimeout))
	defer cancel()
	desc, image, err := s.open(ctx, ref)
	if err != nil {
		return Described{}, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return Described{}, s.explain(ctx, ref, err)
	}
	d := Described{Digest: desc.Digest.String(), Size: manifest.Config.Size}
	for _, layer := range manifest.Layers {
		d.Size += layer.Size
	}
	return d, nil
}

// atOnce is how many blobs of one image are asked for at a time, as containerd does it.
const atOnce = 3

// Warm has the cache that is asked fetch all that a node of the platform needs
// of an image. It asks for the head of each blob only: a pull-through registry
// fetches and keeps the whole of it before it answers even that, and nothing of
// what is there already moves again.
func (s Images) Warm(ctx context.Context, ref string) (Described, error) {
	desc, image, err := s.open(ctx, ref)
	if err != nil {
		return Described{}, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return Described{}, s.explain(ctx, ref, err)
	}
	r, err := s.reference(ref)
	if err != nil {
		return Described{}, err
	}
	d := Described{Digest: desc.Digest.String()}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	opts, err := s.options(ctx, r.Context(), transport.PullScope)
	if err != nil {
		return Described{}, s.explain(ctx, ref, err)
	}
	asked := map[v1.Hash]bool{}
	for _, blob := range append([]v1.Descriptor{manifest.Config}, manifest.Layers...) {
		// A layer that others keep ("foreign") is not in the registry.
		if asked[blob.Digest] || len(blob.URLs) > 0 {
			continue
		}
		asked[blob.Digest] = true
		d.Size += blob.Size
		g.Go(func() error {
			layer, err := remote.Layer(r.Context().Digest(blob.Digest.String()), opts...)
			if err == nil {
				_, err = layer.Size()
			}
			return err
		})
	}
	return d, s.explain(ctx, ref, g.Wait())
}

func (s Images) open(ctx context.Context, ref string) (*remote.Descriptor, v1.Image, error) {
	r, err := s.reference(ref)
	if err != nil {
		return nil, nil, err
	}
	opts, err := s.options(ctx, r.Context(), transport.PullScope)
	if err != nil {
		return nil, nil, s.explain(ctx, ref, err)
	}
	if s.Platform != "" {
		p, err := v1.ParsePlatform(s.Platform)
		if err != nil {
			return nil, nil, fmt.Errorf("platform %q: %w", s.Platform, err)
		}
		opts = append(opts, remote.WithPlatform(*p))
	}
	desc, err := remote.Get(r, opts...)
	if err != nil {
		return nil, nil, s.explain(ctx, ref, err)
	}
	image, err := desc.Image()
	if err != nil {
		return nil, nil, s.explain(ctx, ref, err)
	}
	return desc, image, nil
}

// reference is the image as it is asked for: at its own registry, or under the
// same path at another.
func (s Images) reference(ref string) (name.Reference, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", ref, err)
	}
	if s.Via == "" {
		return r, nil
	}
	u, err := url.Parse(s.Via)
	if err != nil || u.Host == "" {
		return nil, exit.BadInputf("registry %q is not a URL such as http://registry:5000", s.Via)
	}
	var opts []name.Option
	if u.Scheme == "http" {
		opts = append(opts, name.Insecure)
	}
	repo, err := name.NewRepository(u.Host+"/"+r.Context().RepositoryStr(), opts...)
	if err != nil {
		return nil, fmt.Errorf("image %q at %s: %w", ref, s.Via, err)
	}
	if ValidDigest(r.Identifier()) {
		return repo.Digest(r.Identifier()), nil
	}
	return repo.Tag(r.Identifier()), nil
}

func (s Images) explain(ctx context.Context, ref string, err error) error {
	if err == nil {
		return nil
	}
	at := ""
	if s.Via != "" {
		at = " at " + s.Via
	}
	var answer *transport.Error
	var noAnswer *url.Error
	switch {
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s%s: %w", ref, at, ErrNotFound)
	case answer != nil:
		return fmt.Errorf("%s%s: %s", ref, at, reason(answer))
	case errors.As(err, &noAnswer):
		return fmt.Errorf("%s%s: %w: %w", ref, at, ErrUnreachable, cause(ctx, err))
	}
	return fmt.Errorf("%s%s: %w", ref, at, err)
}
