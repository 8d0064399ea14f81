package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ErrNotFound says that the registry answered and has no such image.
var ErrNotFound = errors.New("not in the registry")

// Credentials are a user's name and password or token; the zero value means
// that Docker's own configuration is asked.
type Credentials struct {
	Username, Password string
}

// IsZero reports whether there are none.
func (c Credentials) IsZero() bool { return c == Credentials{} }

// Known are the credentials that Docker's own configuration has for the registry
// of an image, as docker login left them there; none is no error.
func Known(ref string) (Credentials, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return Credentials{}, fmt.Errorf("image %q: %w", ref, err)
	}
	a, err := authn.DefaultKeychain.Resolve(r.Context())
	if err != nil {
		return Credentials{}, fmt.Errorf("image %s: read Docker's configuration: %w", ref, err)
	}
	auth, err := a.Authorization()
	if err != nil {
		return Credentials{}, fmt.Errorf("image %s: read Docker's configuration: %w", ref, err)
	}
	return Credentials{auth.Username, auth.Password}, nil
}

// String keeps the password out of every message.
func (c Credentials) String() string { return c.Username + ":***" }

// Client asks registries. Its zero value uses Docker's configuration (found as
// the docker command finds it) and Go's default transport.
type Client struct {
	Credentials Credentials
	Transport   http.RoundTripper // nil: Go's own, [Retrying]
	Logins      *Logins           // of the questions before; nil: each question logs in by itself
}

// answerTimeout bounds one question: a registry that says nothing for this long
// would not take a push either.
const answerTimeout = 20 * time.Second

// Digest returns the digest of the manifest that a tag or digest of the
// repository names; [ErrNotFound] when there is none.
func (c Client) Digest(ctx context.Context, r Repository, tagOrDigest string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %s", answerTimeout))
	defer cancel()
	opts, err := c.options(ctx, r.repo, transport.PullScope)
	if err == nil {
		var desc *v1.Descriptor
		if desc, err = remote.Head(r.reference(tagOrDigest), opts...); err == nil {
			return desc.Digest.String(), nil
		}
	}
	var e *transport.Error
	if errors.As(err, &e) && noManifest(e) {
		return "", fmt.Errorf("%s %s: %w", r, tagOrDigest, ErrNotFound)
	}
	return "", fmt.Errorf("ask registry %s for %s %s: %w", r.Host(), r, tagOrDigest, cause(ctx, err))
}

// cause is the one thing that went wrong: the library tells each address and
// scheme that it tried.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return network
	}
	return err
}

// options are for what one repository is asked, by the way into it.
func (c Client) options(ctx context.Context, repo name.Repository, scope string) ([]remote.Option, error) {
	by, err := c.login(ctx, repo, scope)
	if err != nil {
		return nil, err
	}
	return append(passing(ctx), remote.WithTransport(by)), nil
}

// uploadOptions are for what may come from several repositories: the library logs in
// anew for each that it mounts a layer from.
func (c Client) uploadOptions(ctx context.Context) []remote.Option {
	return append(passing(ctx), remote.WithAuthFromKeychain(c.keychain()), remote.WithTransport(c.transport()))
}

// passing leaves what passes to [Retrying], but for what takes more than one request.
func passing(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithRetryStatusCodes(), remote.WithRetryPredicate(uploadPasses)}
}

// get asks for what a reference names.
func (c Client) get(ctx context.Context, ref name.Reference) (*remote.Descriptor, error) {
	opts, err := c.options(ctx, ref.Context(), transport.PullScope)
	if err != nil {
		return nil, err
	}
	return remote.Get(ref, opts...)
}

func (c Client) transport() http.RoundTripper {
	if c.Transport == nil {
		return Retrying{}
	}
	return c.Transport
}

func (c Client) keychain() authn.Keychain {
	if c.Credentials.IsZero() {
		return authn.DefaultKeychain
	}
	return fixed(c.Credentials)
}

// fixed gives the same credentials to the one registry that is asked.
type fixed Credentials

func (f fixed) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: f.Username, Password: f.Password}, nil
}

// reason is the registry's own word for a refusal, or the status.
func reason(e *transport.Error) string {
	for _, d := range e.Errors {
		if d.Message != "" {
			return fmt.Sprintf("%d, %s", e.StatusCode, d.Message)
		}
	}
	return fmt.Sprintf("%d %s", e.StatusCode, http.StatusText(e.StatusCode))
}

// noManifest reports whether a manifest was asked for that is not there. Registries
// answer 404 to pushes too, of blobs that they do not know yet.
func noManifest(e *transport.Error) bool {
	return e.StatusCode == http.StatusNotFound && e.Request != nil && e.Request.Method != http.MethodPut && strings.Contains(e.Request.URL.Path, "/manifests/")
}

// fault is an error of the library in one sentence; doing has two places, for the
// registry and for what was asked of it.
func (c Client) fault(ctx context.Context, doing string, r Repository, what string, err error) error {
	var e *transport.Error
	if errors.As(err, &e) {
		if noManifest(e) {
			return fmt.Errorf("%s %s: %w", r, what, ErrNotFound)
		}
		err = errors.New(reason(e))
	}
	return fmt.Errorf(doing+": %w", r.Host(), what, cause(ctx, err))
}
