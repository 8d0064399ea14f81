package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/buenhyden/hy-home/internal/exit"
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
	return c.checkLogin(ctx, r, &authn.Basic{Username: c.Credentials.Username, Password: c.Credentials.Password})
}

func (c Client) checkLogin(ctx context.Context, r name.Registry, auth authn.Authenticator) error {
	ctx, cancel := context.WithTimeoutCause(ctx, loginTimeout, fmt.Errorf("no answer within %s", loginTimeout))
	defer cancel()
	// With a token, it is asked for here.
	t, err := transport.NewWithContext(ctx, r, auth, c.transport(), nil)
	if err == nil {
		_, err = send(ctx, t, http.MethodGet, r.Scheme()+"://"+r.RegistryStr()+"/v2/", http.StatusOK)
	}
	var e *transport.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && denies(e):
		return fmt.Errorf("%w: %s", ErrRefused, reason(e))
	case errors.As(err, &e):
		err = errors.New(reason(e))
	}
	return fmt.Errorf("ask registry %s: %w", r.RegistryStr(), cause(ctx, err))
}

// CheckPush finds out whether these credentials may push to the repository, by
// starting an upload and giving it up. It takes less than a second and saves
// the build that could not have been pushed. Nothing is left in the registry, with
// Logins after their [Logins.Wait].
//
// A refusal is bad input, and says whether it is the login or the right that is
// missing; a registry that does not answer is a plain error.
func (c Client) CheckPush(ctx context.Context, r Repository) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %s", answerTimeout))
	defer cancel()
	err := c.startUpload(ctx, r)
	var e *transport.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return fmt.Errorf("ask registry %s whether %s may be pushed: %w", r.Host(), r, cause(ctx, err))
	case denies(e):
		return c.refusal(ctx, r, e)
	case e.StatusCode == http.StatusNotFound && len(e.Errors) > 0:
		return exit.BadInputf("registry %s has no repository %s and makes none by a push (%s): create it there first", r.Host(), r, reason(e))
	}
	return fmt.Errorf("ask registry %s whether %s may be pushed: %s", r.Host(), r, reason(e))
}

// startUpload asks for an upload as each push does it, and gives it up.
func (c Client) startUpload(ctx context.Context, r Repository) error {
	t, err := c.login(ctx, r.repo, transport.PushScope)
	if err != nil {
		return err
	}
	at, err := send(ctx, t, http.MethodPost, fmt.Sprintf("%s://%s/v2/%s/blobs/uploads/", r.repo.Scheme(), r.Host(), r.repo.RepositoryStr()), http.StatusAccepted)
	if err == nil && at != "" {
		c.Logins.behind(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			// Where an upload cannot be given up, the registry forgets it by itself.
			_, _ = send(ctx, t, http.MethodDelete, at)
		})
	}
	return err
}

// send asks without a body, and returns where the answer points to. An answer with
// another status than those wanted is a [*transport.Error]; none wanted takes any.
func send(ctx context.Context, t http.RoundTripper, method, at string, want ...int) (location string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, at, http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if to, err := res.Location(); err == nil {
		location = to.String()
	}
	if len(want) > 0 {
		return location, transport.CheckError(res, want...)
	}
	return location, nil
}

// refusal tells a missing login from a wrong one, and both from a missing right.
func (c Client) refusal(ctx context.Context, r Repository, e *transport.Error) error {
	auth, err := authn.Resolve(ctx, c.keychain(), r.repo)
	if err != nil {
		return err
	}
	known, err := auth.Authorization()
	if err != nil || *known == (authn.AuthConfig{}) {
		return exit.BadInputf("registry %s takes no push to %s without a login (%s): give inputs username and password, or run docker login", r.Host(), r, reason(e))
	}
	user := known.Username
	if user == "" {
		user = "of Docker's configuration"
	}
	if err := c.checkLogin(ctx, r.repo.Registry, auth); errors.Is(err, ErrRefused) {
		return exit.BadInputf("registry %s does not take the login of user %s (%s): check inputs username and password, or run docker login again", r.Host(), user, reason(e))
	}
	grant := "ask for the right to push there"
	if r.Host() == "ghcr.io" {
		grant = "grant the job packages: write, and if the package was first pushed from elsewhere, give this repository the role Write under Manage Actions access in its settings"
	}
	return exit.BadInputf("user %s may not push to %s at registry %s (%s): %s", user, r, r.Host(), reason(e), grant)
}

func denies(e *transport.Error) bool {
	return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden
}
