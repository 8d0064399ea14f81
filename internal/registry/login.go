package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ErrRefused says that the registry, or who makes its tokens, does not know the
// user or takes the password for a wrong one.
var ErrRefused = errors.New("refused")

// loginTimeout bounds the question: nothing waits for its answer for longer than
// an image takes.
const loginTimeout = 5 * time.Second

// CheckLogin finds out whether the registry at a URL takes the credentials, with or
// without a token. [ErrRefused] is its no; any other error leaves it open. The
// password is in no error.
func (c Client) CheckLogin(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, loginTimeout, fmt.Errorf("no answer within %s", loginTimeout))
	defer cancel()
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	var o []name.Option
	if u.Scheme == "http" {
		o = append(o, name.Insecure)
	}
	r, err := name.NewRegistry(u.Host, o...)
	if err != nil {
		return err
	}
	// With a token, it is asked for here.
	t, err := transport.NewWithContext(ctx, r, &authn.Basic{Username: c.Credentials.Username, Password: c.Credentials.Password}, c.transport(), nil)
	var answer *transport.Error
	switch {
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return fmt.Errorf("%w: %s", ErrRefused, reason(answer))
	case err != nil:
		return fmt.Errorf("ask registry %s: %w", u.Host, cause(ctx, err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(at, "/")+"/v2/", nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return fmt.Errorf("ask registry %s: %w", u.Host, cause(ctx, err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // the connection can be used again
	if res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden {
		return fmt.Errorf("%w: %s", ErrRefused, res.Status)
	}
	return nil
}
