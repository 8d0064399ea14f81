package builder

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// commands plays docker commands by their version; what is in buildx has the plugin.
func commands(versions map[string]string, buildx ...string) *run.Fake {
	return &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
		switch c.Args[0] {
		case "version":
			v := versions[c.Name]
			if v == "" {
				return run.Result{Code: 1, Stdout: `{"Client":{"Version":"28.2.2"},"Server":null}` + "\n", Stderr: "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n\n"}, nil
			}
			return run.Result{Stdout: `{"Client":{"Version":"` + v + `"},"Server":{"Version":"20.10.24"}}`}, nil
		case "buildx":
			if !slices.Contains(buildx, c.Name) {
				return run.Result{Code: 1, Stderr: "docker: unknown command: docker buildx"}, nil
			}
		}
		return run.Result{}, nil
	}}
}

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name     string
		versions map[string]string
		buildx   []string
		want     string
		mode     Mode
	}{
		{"buildx wins wherever it is", map[string]string{"a": "20.10.24+dfsg1", "b": "28.2.2"}, []string{"b"}, "b", Buildx},
		{"new client without the plugin gives way to an old one", map[string]string{"a": "28.2.2", "b": "20.10.24+dfsg1"}, nil, "b", BuildKit},
		{"classic when there is nothing else", map[string]string{"a": "28.2.2", "b": "29.0.0"}, nil, "a", Classic},
		{"a command without an engine is passed over", map[string]string{"b": "28.2.2"}, nil, "b", Classic},
		{"a version nobody can read", map[string]string{"a": "dev"}, nil, "a", Classic},
	} {
		got, err := Find(t.Context(), commands(c.versions, c.buildx...), Search{Commands: []string{"a", "b"}})
		if err != nil || got.CLI != c.want || got.Mode != c.mode {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestFind_NothingThere(t *testing.T) {
	_, err := Find(t.Context(), commands(nil), Search{})
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "install Docker") {
		t.Errorf("no command: %v", err)
	}
	_, err = Find(t.Context(), commands(nil), Search{Commands: []string{"a", "b"}})
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "Cannot connect to the Docker daemon at unix:///x") || strings.Contains(err.Error(), "\n") {
		t.Errorf("no engine: %v", err)
	}
}

func TestCandidates(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		if err := os.WriteFile(filepath.Join(dir, "docker"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := t.TempDir()
	if err := os.Symlink(filepath.Join(one, "docker"), filepath.Join(link, "docker")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{"", ".", dir, two, one, link, "/nowhere"}, string(filepath.ListSeparator))
	got := slices.DeleteFunc(Candidates(path), func(s string) bool { return s == "/usr/bin/docker" })
	if want := []string{filepath.Join(two, "docker"), filepath.Join(one, "docker")}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFind_ABuilderElsewhereNeedsNoEngine(t *testing.T) {
	inspect := map[string]string{
		"":       "Name:   default\nDriver: docker\n\nNodes:\nLabels:\n org.mobyproject.buildkit.worker.snapshotter: overlayfs\n",
		"remote": "Name:          remote\nDriver:        remote\n",
	}
	fake := func(engine bool) *run.Fake {
		return &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
			if c.Args[0] == "version" {
				if engine {
					return run.Result{Stdout: `{"Client":{"Version":"28.5.1"},"Server":{"Version":"28.5.1"}}`}, nil
				}
				return run.Result{Code: 1, Stdout: `{"Client":{"Version":"28.5.1"},"Server":null}`, Stderr: "Cannot connect"}, nil
			}
			if c.Args[1] == "version" {
				return run.Result{}, nil
			}
			name := strings.Join(c.Args[2:], "")
			if out, ok := inspect[strings.TrimPrefix(name, "--")]; ok {
				return run.Result{Stdout: out}, nil
			}
			return run.Result{Code: 1, Stderr: "ERROR: no builder \"" + name + "\" found\n"}, nil
		}}
	}
	got, err := Find(t.Context(), fake(false), Search{Commands: []string{"d"}, Builder: "remote"})
	if err != nil || got.Mode != Buildx || got.Engine != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Find(t.Context(), fake(false), Search{Commands: []string{"d"}}); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "no Docker engine answers") {
		t.Errorf("the engine's own builder without the engine: %v", err)
	}
	if _, err := Find(t.Context(), fake(true), Search{Commands: []string{"d"}, Builder: "mine"}); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "input builder is \"mine\"") {
		t.Errorf("a builder that is not there: %v", err)
	}
}
