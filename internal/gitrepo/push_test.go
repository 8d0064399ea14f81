package gitrepo

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/buenhyden/hy-home/internal/exit"
)

func TestLostRace(t *testing.T) {
	for output, want := range map[string]bool{
		"!\tHEAD:refs/heads/main\t[rejected] (fetch first)":                                                     true,
		"!\tHEAD:refs/heads/main\t[rejected] (stale info)":                                                      true,
		" ! [rejected]        HEAD -> main (non-fast-forward)":                                                  true,
		"! [remote rejected] HEAD -> main (cannot lock ref 'refs/heads/main': is at 1 but expected 2)":          true,
		"! [remote rejected] main -> main (incorrect old value provided)":                                       true,
		"remote: error: cannot lock ref 'refs/heads/main'\n!\tHEAD:x\t[remote rejected] (failed to update ref)": true,
		"! [remote rejected] main -> main (failed to update ref)":                                               false,
		"! [remote rejected] main -> main (protected branch hook declined)":                                     false,
		"! [remote rejected] main -> main (pre-receive hook declined)":                                          false,
		"fatal: unable to access 'https://host/': Could not resolve host":                                       false,
	} {
		err := fmt.Errorf("pushing: %w", &gitError{verb: "push", output: output, cause: errors.New("exit status 1")})
		if got := lostRace(err); got != want {
			t.Errorf("lostRace(%q) = %v", output, got)
		}
	}
	if lostRace(errors.New("[rejected] (fetch first)")) {
		t.Error("an error that is not git's counts as a lost race")
	}
}

func TestGitError_QuotesTheCause(t *testing.T) {
	err := &gitError{verb: "push", cause: errors.New("exit status 1"), output: `To https://github.com/acme/infra
!	HEAD:refs/heads/main	[remote rejected] (protected branch hook declined)
remote: error: GH006: Protected branch update failed.
remote:
hint: you may want to read the manual
error: failed to push some refs to 'https://github.com/acme/infra'
`}
	const want = "git push: HEAD:refs/heads/main [remote rejected] (protected branch hook declined); error: GH006: Protected branch update failed.; failed to push some refs to 'https://github.com/acme/infra'"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	ssh := &gitError{verb: "clone", cause: errors.New("exit status 128"), output: "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"}
	if want := "git clone: git@github.com: Permission denied (publickey).; Could not read from remote repository."; ssh.Error() != want {
		t.Errorf("got  %s\nwant %s", ssh, want)
	}
	if err := (&gitError{verb: "push", cause: errors.New("exit status 1")}); err.Error() != "git push: exit status 1" {
		t.Error(err)
	}
}

func TestBackoff(t *testing.T) {
	for took, longest := range map[time.Duration]time.Duration{0: 200 * time.Millisecond, time.Second: 4 * time.Second, time.Hour: 10 * time.Second} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := Backoff(took)
			seen[d] = true
			if d < 0 || d > longest {
				t.Errorf("Backoff(%s) = %s", took, d)
			}
		}
		if len(seen) < 50 {
			t.Errorf("Backoff(%s) takes %d values: racers would not part", took, len(seen))
		}
	}
}

func TestValidateBranch(t *testing.T) {
	for _, good := range []string{"main", "release/1.2", "hyaction/bump/a-b", "v1@x", "ü"} {
		if err := ValidateBranch(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "@", "-f", "a b", "a..b", "a.", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a@{1}", "a~1", "a^", "a:b", "a?", "a*", "a[", `a\b`, "a\nb", "refs/heads/main"} {
		if err := ValidateBranch(bad); exit.Code(err) != exit.BadInput {
			t.Errorf("ValidateBranch(%q) = %v, want bad input", bad, err)
		}
	}
}

// FuzzValidateRepository: nothing that passes can be an option or name a helper
// program to git.
func FuzzValidateRepository(f *testing.F) {
	for _, s := range []string{"https://github.com/a/b", "git@host:a/b.git", "../infra", "ext::sh", "ssh://git@host:22/x", "-x", "https://u:p@h/x", "0:0::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if validateRepository(s) != nil {
			return
		}
		if s == "" || s[0] == '-' {
			t.Fatalf("%q passes as an operand", s)
		}
		// Git takes what follows its first characters of a scheme for an address of the
		// program git-remote-<scheme>, if it is "::".
		rest := strings.TrimLeftFunc(s, func(c rune) bool {
			return c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("+-.", c))
		})
		if strings.HasPrefix(rest, "::") {
			t.Fatalf("%q passes as transport::address", s)
		}
	})
}
