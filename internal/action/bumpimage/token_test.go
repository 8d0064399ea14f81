package bumpimage

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/run"
)

// spy remembers what processes are started with.
type spy struct {
	mu   sync.Mutex
	seen strings.Builder
}

func (s *spy) Run(ctx context.Context, c run.Cmd) (run.Result, error) {
	s.mu.Lock()
	fmt.Fprintln(&s.seen, c.String())
	for _, e := range c.Env {
		// The header reaches git, and git alone, in this one variable.
		if !strings.HasPrefix(e, "HYACTION_GIT_AUTHORIZATION=") {
			fmt.Fprintln(&s.seen, e)
		}
	}
	s.mu.Unlock()
	return run.Exec{}.Run(ctx, c)
}

// No argument, variable, progress, message, error or file of the repository shows the token.
func TestToken_IsNowhere(t *testing.T) {
	s := gittest.Serve(t, gittest.Bare(t, infra(0)))
	hub := forgetest.New(t, infra(0))
	watch := &spy{}
	var said strings.Builder
	for _, o := range []Options{gitOptions(s.URL, "reg.example/app:v2"), gitOptions(s.URL, "reg.example/nothing:v2"), apiOptions(hub, "reg.example/app:v2"), apiOptions(hub, "reg.example/nothing:v2")} {
		o.Runner = watch
		o.Progress = func(line string) { said.WriteString(line) }
		for _, repository := range []string{o.Repository, s.URL + "/nothing"} {
			o.Repository = repository
			res, err := Run(t.Context(), o)
			fmt.Fprintln(&said, res, err)
		}
	}
	for _, r := range hub.Requests {
		said.WriteString(r.Path + r.Body)
	}
	said.WriteString(watch.seen.String() + gittest.Git(t, s.Dir, "log", "-p", "main"))
	for _, secret := range []string{forgetest.Token, base64.StdEncoding.EncodeToString([]byte("x-access-token:" + forgetest.Token))} {
		if i := strings.Index(said.String(), secret); i >= 0 {
			t.Errorf("the token shows: ...%s", said.String()[max(0, i-80):i])
		}
	}
}
