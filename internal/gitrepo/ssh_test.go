package gitrepo

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

// With OpenSSH's client and a key that Git's own settings name: as a URL, and as the remote of a
// checkout.
func TestUpdate_OverSSH(t *testing.T) {
	bare := gittest.Bare(t, seed)
	url := gittest.SSH(t, bare)
	got, err := open(t, options(url)).Update(t.Context(), add("a"))
	if err != nil || gittest.Git(t, bare, "rev-parse", "main") != got.Commit {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	checkout := gittest.Clone(t, url)
	got, err = open(t, options(checkout)).Update(t.Context(), add("b"))
	if err != nil || gittest.Git(t, bare, "rev-parse", "main") != got.Commit || gittest.Git(t, checkout, "rev-parse", "HEAD") != got.Commit {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	t.Setenv("GIT_SSH_COMMAND", "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null")
	if _, err := Open(t.Context(), options(url)); err == nil || !strings.Contains(err.Error(), "Host key verification failed") {
		t.Errorf("a host that is not known: %v", err)
	}
}
