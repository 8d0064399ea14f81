package bumpimage

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/run"
)

// What a repository is called, and whether there is a token, decides how it is reached.
func TestResolve(t *testing.T) {
	const github, enterprise = "https://api.github.com", "https://ghe.example/api/v3"
	_, bare := newRepo(t)
	clone := func(origin string) string {
		dir := gittest.Clone(t, bare)
		gittest.Git(t, dir, "remote", "set-url", "origin", origin)
		return dir
	}
	ours, theirs := clone("git@github.com:acme/infra.git"), clone("https://gitlab.example/acme/infra.git")
	for name, tc := range map[string]struct {
		repository, mode, backend, api, token string
		forge                                 bool
		git, refusal                          string
	}{
		"a slug":                             {"acme/infra", Push, Auto, github, "t", true, "", ""},
		"without a token a directory":        {"acme/infra", Push, Auto, github, "", false, "acme/infra", ""},
		"a slug by Git":                      {"acme/infra", Push, Git, github, "t", false, "https://github.com/acme/infra.git", ""},
		"a slug by Git of an Enterprise":     {"acme/infra", Push, Git, enterprise, "t", false, "https://ghe.example/acme/infra.git", ""},
		"a URL":                              {"https://github.com/acme/infra.git", Push, Auto, github, "t", true, "", ""},
		"a URL without a token":              {"https://github.com/acme/infra", Push, Auto, github, "", false, "https://github.com/acme/infra", ""},
		"a URL of an Enterprise":             {"https://ghe.example/acme/infra/", Push, Auto, enterprise, "t", true, "", ""},
		"a URL of another server":            {"https://ghe.example/acme/infra", Push, Auto, github, "t", false, "https://ghe.example/acme/infra", ""},
		"SSH":                                {"git@github.com:acme/infra.git", Push, Auto, github, "t", false, "git@github.com:acme/infra.git", ""},
		"SSH by the API":                     {"git@github.com:acme/infra.git", Push, API, github, "t", true, "", ""},
		"a URL of SSH by the API":            {"ssh://git@github.com/acme/infra", Push, API, github, "t", true, "", ""},
		"a checkout":                         {ours, Push, Auto, github, "t", false, ours, ""},
		"a checkout by the API":              {ours, Push, API, github, "t", true, "", ""},
		"a checkout's pull request":          {ours, PullRequest, Auto, github, "t", true, "", ""},
		"a checkout's pull request by Git":   {ours, PullRequest, Git, github, "t", true, ours, ""},
		"a slug's pull request by Git":       {"acme/infra", PullRequest, Git, github, "t", true, "https://github.com/acme/infra.git", ""},
		"its files":                          {ours, None, Auto, github, "", false, ours, ""},
		"a pull request elsewhere":           {"https://gitlab.example/a/b", PullRequest, Auto, github, "t", false, "", "is not on github.com"},
		"a checkout's from elsewhere":        {theirs, PullRequest, Auto, github, "t", false, "", "remote origin of"},
		"a bare one that came from nowhere":  {bare, PullRequest, Auto, github, "t", false, "", "is not on github.com"},
		"a path that is too deep for GitHub": {"https://github.com/acme/infra/tree/main", Push, API, github, "t", false, "", "is not on github.com"},
		"files of no directory":              {"acme/infra", None, Auto, github, "t", false, "", "mode none changes the files of a directory"},
		"a pull request without a token":     {"acme/infra", PullRequest, Auto, github, "", false, "", "wants a token"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bump{Options: Options{Repository: tc.repository, Mode: tc.mode, Backend: tc.backend, API: tc.api, Token: tc.token, Runner: run.Exec{}}}
			got, err := b.resolve(t.Context())
			if tc.refusal != "" {
				if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tc.refusal) {
					t.Errorf("err = %v, want bad input with %q", err, tc.refusal)
				}
				return
			}
			if err != nil || (got.forge != nil) != tc.forge || filepath.ToSlash(got.git) != filepath.ToSlash(tc.git) {
				t.Errorf("by API %t, by Git %q, %v; want %t, %q", got.forge != nil, got.git, err, tc.forge, tc.git)
			}
		})
	}
}
