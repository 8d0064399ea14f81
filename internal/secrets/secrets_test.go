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
	first, err := Load(dir, []string{"redis-password", "db-password"}, nil, mask)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{32}$`).MatchString(first["redis-password"]) || first["redis-password"] == first["db-password"] {
		t.Error("secrets are not 32 plain random characters each")
	}
	if !slices.Contains(masked, first["redis-password"]) || !slices.Contains(masked, first["db-password"]) {
		t.Error("a secret was not masked")
	}
	second, err := Load(dir, []string{"redis-password", "new"}, nil, mask)
	if err != nil {
		t.Fatal(err)
	}
	if second["redis-password"] != first["redis-password"] || second["new"] == "" || len(second) != 2 {
		t.Error("a stored secret changed, or more than asked for came back")
	}
	third, err := Load(dir, []string{"db-password"}, nil, mask)
	if err != nil || third["db-password"] != first["db-password"] {
		t.Errorf("a secret nobody asked for in between was lost (%v)", err)
	}
}

func TestLoad_OnlyTheOwnerMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := Load(dir, []string{"a"}, nil, func(string) {}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, file): 0o600} {
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
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, []byte(`{"a":"hunter2`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir, []string{"a"}, nil, func(string) {})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "platform down") {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != `{"a":"hunter2` {
		t.Error("the damaged file was changed")
	}
}
