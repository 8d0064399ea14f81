package gitrepo

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/run"
)

// recorder is a runner that remembers the arguments of what it ran.
type recorder struct {
	mu   sync.Mutex
	args []string
}

func (r *recorder) Run(ctx context.Context, c run.Cmd) (run.Result, error) {
	r.mu.Lock()
	r.args = append(r.args, c.String())
	r.mu.Unlock()
	return run.Exec{}.Run(ctx, c)
}

// Over HTTP, with git's own server: the token arrives, once, in place of what the
// checkout's configuration has, and stands in no argument list and no error.
func TestUpdate_TokenOverHTTP(t *testing.T) {
	server := gittest.Serve(t, gittest.Bare(t, seed))
	const token = "ghs_s3cret"
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))
	var wrong sync.Map
	server.Before = func(req *http.Request) int {
		got := req.Header.Values("Authorization")
		if len(got) == 1 && got[0] == want {
			return 0
		}
		wrong.Store(fmt.Sprint(got), true)
		return http.StatusForbidden
	}

	rec := &recorder{}
	o := options(server.URL)
	o.Token, o.Runner = token, rec
	got, err := open(t, o).Update(t.Context(), add("a"))
	if err != nil || gittest.Git(t, server.Dir, "rev-parse", "main") != got.Commit {
		t.Fatalf("Update = %+v, %v", got, err)
	}

	checkout := gittest.Clone(t, server.Dir)
	gittest.Git(t, checkout, "remote", "set-url", "origin", server.URL)
	gittest.Git(t, checkout, "config", "http."+strings.TrimSuffix(server.URL, "infra.git")+".extraheader", "AUTHORIZATION: basic b2xk")
	o.Repository = checkout
	if _, err := open(t, o).Update(t.Context(), add("b")); err != nil {
		t.Fatal(err)
	}
	wrong.Range(func(k, _ any) bool { t.Errorf("a request carried Authorization %v", k); return true })

	o.Token, o.Repository, o.Branch = "wrong-token", server.URL, "main"
	_, err = Open(t.Context(), o)
	if err == nil || strings.Contains(err.Error(), "wrong-token") {
		t.Errorf("err = %v", err)
	}
	for _, line := range rec.args {
		if local := strings.Contains(line, " merge ") || strings.Contains(line, " fast-import "); local && strings.Contains(line, "extraheader") {
			t.Errorf("a command that asks no server has the token: %s", line)
		}
	}
	if all := strings.Join(rec.args, "\n"); strings.Contains(all, token) || strings.Contains(all, base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))) {
		t.Errorf("an argument list shows the token:\n%s", all)
	}
}

// Without TLS whoever stands on the way reads it. git is not even started.
func TestOpen_TokenStaysOffAReadableNetwork(t *testing.T) {
	rec := &recorder{}
	o := options("http://git.example.com/acme/infra.git")
	o.Token, o.Runner = "ghs_s3cret", rec
	_, err := Open(t.Context(), o)
	if exit.Code(err) != exit.BadInput || !strings.Contains(fmt.Sprint(err), "use https") || len(rec.args) > 0 {
		t.Errorf("got %v after %q", err, rec.args)
	}
}
