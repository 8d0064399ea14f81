package registry

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Logins keep the login at each repository for the questions that follow. Without them
// each question reads Docker's configuration or asks its credential helper, finds out
// how the registry lets in, and has a token made. The zero value is ready, and safe for
// concurrent use.
type Logins struct {
	mu   sync.Mutex
	kept map[string]*login // by the name of the repository
	late sync.WaitGroup
}

// Wait waits for what questions left to be done behind their answers.
func (l *Logins) Wait() { l.late.Wait() }

// behind has something done behind an answer; without logins, whose owner waits for it,
// before.
func (l *Logins) behind(do func()) {
	if l == nil {
		do()
		return
	}
	l.late.Go(do)
}

// login is the way into one repository.
type login struct {
	mu    sync.Mutex // held while it is made: who asks meanwhile waits for it
	scope string
	by    http.RoundTripper // nil: not made, or not with success
}

func (l *Logins) of(repo name.Repository) *login {
	if l == nil {
		return &login{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil {
		l.kept = map[string]*login{}
	}
	at := l.kept[repo.Name()]
	if at == nil {
		at = &login{}
		l.kept[repo.Name()] = at
	}
	return at
}

// login is the transport that has been let into a repository, to pull or to push; who may
// push may pull. It gets itself another token when its own has expired. A login that
// failed is not kept.
func (c Client) login(ctx context.Context, repo name.Repository, scope string) (http.RoundTripper, error) {
	at := c.Logins.of(repo)
	at.mu.Lock()
	defer at.mu.Unlock()
	if at.by != nil && (at.scope == scope || at.scope == transport.PushScope) {
		return at.by, nil
	}
	auth, err := authn.Resolve(ctx, c.keychain(), repo)
	if err != nil {
		return nil, fmt.Errorf("find the login in Docker's configuration: %w", err)
	}
	by, err := transport.NewWithContext(ctx, repo.Registry, auth, c.transport(), []string{repo.Scope(scope)})
	if err != nil {
		return nil, err
	}
	at.scope, at.by = scope, by
	return by, nil
}
