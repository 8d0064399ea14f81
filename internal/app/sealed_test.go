package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

func TestSetupPlatform_SealedKeyFileIsJudgedFirst(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "keys.yaml")
	if err := os.WriteFile(bad, []byte("kind: [hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		bad:                          "sealed-secrets-key-file " + bad + " cannot be used: it is neither valid YAML nor PEM",
		filepath.Join(dir, "absent"): "sealed-secrets-key-file: open " + filepath.Join(dir, "absent"),
	} {
		r := hyaction(t, nil, "setup-platform", "--state-dir", filepath.Join(dir, "state"), "--profile", "gitops", "--sealed-secrets-key-file", file)
		if r.code != exit.BadInput || !strings.Contains(r.err, want) || strings.Contains(r.err, "hunter2") {
			t.Errorf("exit code %d, %q; want %q", r.code, r.err, want)
		}
		if _, err := os.Stat(filepath.Join(dir, "state")); !os.IsNotExist(err) {
			t.Error("a state directory was made")
		}
	}
}
