package gitrepo

import (
	"errors"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

// A commit lands on a branch beside the opened one, if that is where it was seen.
func TestPlace(t *testing.T) {
	s := gittest.Serve(t, gittest.Bare(t, seed))
	r := open(t, options(s.URL))
	base := gittest.Git(t, s.Dir, "rev-parse", "main")
	place := func(onto, seen, text string) (string, error) {
		return r.Place(t.Context(), onto, "bump/x", seen, Commit{Files: map[string][]byte{"counter.txt": []byte(text)}, Message: text})
	}
	first, err := place(base, "", "one")
	if err != nil || gittest.Git(t, s.Dir, "rev-parse", "bump/x") != first || gittest.Git(t, s.Dir, "rev-parse", "main") != base {
		t.Fatalf("Place = %s, %v", first, err)
	}
	if _, err := place(base, "", "two"); !errors.Is(err, ErrMoved) {
		t.Errorf("over a branch that was not seen: %v", err)
	}
	second, err := place(base, first, "two") // by force: it is no descendant
	if err != nil || gittest.Git(t, s.Dir, "show", "bump/x:counter.txt") != "two" || gittest.Git(t, s.Dir, "rev-list", "--count", "bump/x") != "2" {
		t.Fatalf("Place = %s, %v", second, err)
	}
	if _, err := place(base, first, "three"); !errors.Is(err, ErrMoved) {
		t.Errorf("over what somebody pushed meanwhile: %v", err)
	}
	// On a commit that the clone has never seen.
	clone := gittest.Clone(t, s.Dir)
	gittest.Git(t, clone, "checkout", "--quiet", "bump/x")
	gittest.Git(t, clone, "commit", "--quiet", "--allow-empty", "--message=a person's")
	gittest.Git(t, clone, "push", "--quiet", "origin", "bump/x")
	person := gittest.Git(t, clone, "rev-parse", "HEAD")
	if _, err := place(person, person, "four"); err != nil {
		t.Fatal(err)
	}
	if log := gittest.Git(t, s.Dir, "log", "--format=%s", "bump/x"); log != "four\na person's\ntwo\nstart" {
		t.Errorf("log %q", log)
	}
	gittest.Hook(t, s.Dir, "pre-receive", "echo no branches here >&2; exit 1")
	if _, err := place(base, "", "five"); err == nil || !strings.Contains(err.Error(), "no branches here") && !errors.Is(err, ErrMoved) {
		t.Errorf("err = %v", err)
	}
}
