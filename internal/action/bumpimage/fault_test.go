package bumpimage

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
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
	propose := func(o *Options) { o.Mode, o.Pull.Labels = PullRequest, []string{"bump"} }
	for name, tc := range map[string]struct {
		change  func(*Options)
		before  func(*testing.T, *forgetest.Server, Options)
		commits int // of the branch, in the end
	}{
		"a push":         {func(*Options) {}, nil, 2},
		"a pull request": {propose, nil, 2},
		"one whose base moved": {propose, func(t *testing.T, s *forgetest.Server, o Options) {
			o.Images = []string{"reg.example/app:v1.5"}
			mustRun(t, o)
			s.Push("main", "others", map[string]string{"README.md": "x"})
		}, 3},
	} {
		for n := 1; n <= 5; n++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprint(name, n, after), func(t *testing.T) {
					t.Parallel()
					s := forgetest.New(t, infra(0))
					o := apiOptions(s, "reg.example/app:v2")
					tc.change(&o)
					if tc.before != nil {
						tc.before(t, s, o)
						s.Reset()
					}
					ctx, kill := context.WithCancel(t.Context())
					s.Fault = func(r *forgetest.Request, done bool) (int, http.Header, string) {
						if r.N == n && done == after {
							kill()
							return 500, nil, "{}"
						}
						return 0, nil, ""
					}
					main := len(s.History("main"))
					_, _ = Run(ctx, o)
					s.Fault = nil
					if h := len(s.History("main")); h > main && o.Mode == PullRequest || h > main+1 {
						t.Fatalf("history %q", s.History("main"))
					}
					for branch := range s.Refs {
						if text := s.Text(branch, devFile); !slices.Contains([]string{"v1", "v1.5", "v2"}, tagIn(text)) {
							t.Fatalf("%s is between:\n%s", branch, text)
						}
					}
					mustRun(t, o)
					branch := "main"
					if o.Mode == PullRequest {
						if len(s.Pulls) != 1 || !strings.Contains(s.Pulls[0].Title, "app:v2") || !slices.Equal(slices.Compact(s.Pulls[0].Extras), []string{"L_bump"}) || strings.Contains(s.Pulls[0].Body, "unfinished") {
							t.Fatalf("pull requests %+v", s.Pulls)
						}
						branch = s.Pulls[0].Head
					}
					if got := s.History(branch); len(got) != tc.commits || tagIn(s.Text(branch, devFile)) != "v2" {
						t.Errorf("history of %s: %q", branch, got)
					}
				})
			}
		}
	}
}

// tagIn is the tag of the first image in an overlay of [infra], if that is all as it was.
func tagIn(overlay string) string {
	tag := regexp.MustCompile(`newTag: (\S+) # deployed\n$`).FindStringSubmatch(overlay)
	if tag == nil || len(overlay) != len(infra(0)[devFile].Text)-len("v1")+len(tag[1]) {
		return ""
	}
	return tag[1]
}

// The same of Git, at any of its requests.
func TestGit_KilledAtAnyRequest(t *testing.T) {
	for n := int64(1); n <= 9; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := gittest.Serve(t, gittest.Bare(t, infra(0)))
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			s.Before = func(*http.Request) int {
				if s.Requests.Load() == n {
					kill()
				}
				return 0 // git's server goes on, as a server does
			}
			o := gitOptions(s.URL, "reg.example/app:v2")
			_, _ = Run(ctx, o)
			s.Before = nil
			gittest.Git(t, s.Dir, "fsck", "--strict")
			show := func() string { return gittest.Git(t, s.Dir, "show", "main:"+devFile) + "\n" }
			if tag := tagIn(show()); tag != "v1" && tag != "v2" {
				t.Fatalf("between:\n%s", show())
			}
			mustRun(t, o)
			if tag, n := tagIn(show()), gittest.Git(t, s.Dir, "rev-list", "--count", "main"); tag != "v2" || n != "2" {
				t.Errorf("%s commits, tag %s", n, tag)
			}
		})
	}
}
