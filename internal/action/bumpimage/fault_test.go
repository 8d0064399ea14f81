package bumpimage

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
)

func TestAPI_FaultsOfGitHub(t *testing.T) {
	quick := func(status int, header http.Header, body string) func(*forgetest.Request, bool) (int, http.Header, string) {
		return func(r *forgetest.Request, after bool) (int, http.Header, string) {
			if r.N == 2 && !after {
				return status, header, body
			}
			return 0, nil, ""
		}
	}
	for name, tc := range map[string]struct {
		setup func(*forgetest.Server)
		want  string // of the error; "" is success
	}{
		"secondary limit": {func(s *forgetest.Server) { s.Fault = quick(403, http.Header{"Retry-After": {"0"}}, "{}") }, ""},
		"rate in GraphQL": {func(s *forgetest.Server) {
			s.Fault = quick(200, nil, `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`)
		}, ""},
		"bad gateway":   {func(s *forgetest.Server) { s.Fault = quick(502, nil, "<html>") }, ""},
		"stale answers": {func(s *forgetest.Server) { s.Stale = true }, ""},
		"stale head twice": {func(s *forgetest.Server) {
			s.Fault = quick(200, nil, `{"errors":[{"message":"Expected branch to point to \"x\" but it did not."}]}`)
		}, ""},
		"protected branch": {func(s *forgetest.Server) { s.Locked = true }, "Required status check"},
		"no permission": {func(s *forgetest.Server) {
			s.Fault = quick(403, nil, `{"message":"Resource not accessible by integration"}`)
		}, "Resource not accessible"},
		"unknown branch": {nil, `branch "nowhere" does not exist`},
		"unknown token":  {nil, "does not know the token"},
		"no such place":  {nil, "is not there, or the token may not read it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := forgetest.New(t, infra(0))
			if tc.setup != nil {
				tc.setup(s)
			}
			o := apiOptions(s, "reg.example/app:v2")
			switch name {
			case "unknown branch":
				o.Branch = "nowhere"
			case "unknown token":
				o.Token = "ghs_other"
			case "no such place":
				o.Repository = "acme/nothing"
			}
			res, err := Run(t.Context(), o)
			if tc.want == "" {
				if err != nil || len(s.History("main")) != 2 || !res.Verified {
					t.Errorf("Run = %+v, %v; history %q", res, err, s.History("main"))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), o.Token) || len(s.History("main")) != 1 {
				t.Errorf("err = %v, want %q", err, tc.want)
			}
		})
	}
}

// Wherever it is killed, before or after the server did its work, the repository is as
// before or as after, and another run ends as if nothing had been.
func TestAPI_KilledAtAnyRequest(t *testing.T) {
	for _, mode := range []string{Push, PullRequest} {
		for n := 1; n <= 5; n++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprint(mode, n, after), func(t *testing.T) {
					t.Parallel()
					s := forgetest.New(t, infra(0))
					ctx, kill := context.WithCancel(t.Context())
					s.Fault = func(r *forgetest.Request, done bool) (int, http.Header, string) {
						if r.N == n && done == after {
							kill()
							return 500, nil, "{}"
						}
						return 0, nil, ""
					}
					o := apiOptions(s, "reg.example/app:v2")
					o.Mode = mode
					o.Pull.Labels = []string{"bump"}
					_, _ = Run(ctx, o)
					if h := len(s.History("main")); h > 2 || mode == PullRequest && h != 1 {
						t.Fatalf("history %q", s.History("main"))
					}
					s.Fault = nil
					mustRun(t, o)
					branch := "main"
					if mode == PullRequest {
						if len(s.Pulls) != 1 {
							t.Fatalf("%d pull requests", len(s.Pulls))
						}
						branch = s.Pulls[0].Head
					}
					if got := s.History(branch); len(got) != 2 || !strings.Contains(s.Text(branch, devFile), "newTag: v2") {
						t.Errorf("history of %s: %q", branch, got)
					}
				})
			}
		}
	}
}
