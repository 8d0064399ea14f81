package bumpimage

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

// Only what the kustomization names is brought out of a big repository.
func TestGit_BringsOnlyWhatIsNeeded(t *testing.T) {
	s := gittest.Serve(t, gittest.Bare(t, infra(2000)))
	res := mustRun(t, gitOptions(s.URL, "reg.example/app:v2"))
	if !res.Changed || !res.Verified || res.Commit != gittest.Git(t, s.Dir, "rev-parse", "main") {
		t.Errorf("Result = %+v", res)
	}
	if got := gittest.Git(t, s.Dir, "diff", "--name-only", "main~", "main"); got != devFile {
		t.Errorf("changed %q", got)
	}
	if n := s.Bytes.Load(); n > 250_000 { // names and hashes of 2,000 files; their texts are 1 MB
		t.Errorf("%d bytes crossed the network", n)
	}
}

func TestGit_AHookThatRefuses(t *testing.T) {
	s := gittest.Serve(t, gittest.Bare(t, infra(0)))
	gittest.Hook(t, s.Dir, "pre-receive", "echo 'main is frozen' >&2; exit 1")
	_, err := Run(t.Context(), gitOptions(s.URL, "reg.example/app:v2"))
	if err == nil || !strings.Contains(err.Error(), "main is frozen") {
		t.Errorf("err = %v", err)
	}
}
