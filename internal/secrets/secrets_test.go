package secrets

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestLoad_MakesOnceAndKeeps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	var masked []string
	mask := func(s string) { masked = append(masked, s) }
	first, _, err := Load(dir, []string{"redis-password", "db-password"}, nil, mask)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{32}$`).MatchString(first["redis-password"]) || first["redis-password"] == first["db-password"] {
		t.Error("secrets are not 32 plain random characters each")
	}
	if !slices.Contains(masked, first["redis-password"]) || !slices.Contains(masked, first["db-password"]) {
		t.Error("a secret was not masked")
	}
	second, all, err := Load(dir, []string{"redis-password", "new"}, nil, mask)
	if err != nil {
		t.Fatal(err)
	}
	if second["redis-password"] != first["redis-password"] || second["new"] == "" || len(second) != 2 {
		t.Error("a stored secret changed, or more than asked for came back")
	}
	if len(all) != 3 || all["db-password"] != first["db-password"] {
		t.Error("what nobody asks for is not among all there is")
	}
	third, _, err := Load(dir, []string{"db-password"}, nil, mask)
	if err != nil || third["db-password"] != first["db-password"] {
		t.Errorf("a secret nobody asked for in between was lost (%v)", err)
	}
}

func TestLoad_OnlyTheOwnerMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if _, _, err := Load(dir, []string{"a"}, nil, func(string) {}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, File): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", path, info.Mode().Perm(), err, want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

func TestLoad_DamagedFileIsNotReplacedNorQuoted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, File)
	if err := os.WriteFile(path, []byte(`{"a":"hunter2`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Load(dir, []string{"a"}, nil, func(string) {})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "platform down") {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != `{"a":"hunter2` {
		t.Error("the damaged file was changed")
	}
}

func TestRestore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if Has(dir) {
		t.Error("an empty directory has secrets")
	}
	var masked []string
	mask := func(s string) { masked = append(masked, s) }
	for _, found := range []map[string]string{nil, {"a": "from elsewhere"}} {
		if err := Restore(dir, found, mask); err != nil || Has(dir) != (found != nil) {
			t.Errorf("%d found: stored is %v, %v", len(found), Has(dir), err)
		}
	}
	if len(masked) != 1 {
		t.Errorf("%d values were masked, want 1", len(masked))
	}
	got, _, err := Load(dir, []string{"a", "b"}, map[string]string{"c": "given"}, mask)
	if err != nil || got["a"] != "from elsewhere" || got["b"] == "" {
		t.Errorf("what was restored is not there (%v)", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, File)); err != nil || strings.Contains(string(text), "given") {
		t.Errorf("a given secret was stored (%v)", err)
	}
	if info, err := os.Stat(filepath.Join(dir, File)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
