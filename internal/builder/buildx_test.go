package builder

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/testkit"
)

func TestPlugin(t *testing.T) {
	dir, extra := t.TempDir(), t.TempDir()
	program := func(dir string) string {
		file := filepath.Join(dir, "docker-buildx")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, file, "")
		if err := os.Chmod(file, 0o700); err != nil {
			t.Fatal(err)
		}
		return file
	}
	users, others := program(filepath.Join(dir, "cli-plugins")), program(extra)
	for _, c := range []struct{ config, env, want string }{
		{"", "", users},
		{`{"cliPluginsExtraDirs":["` + extra + `"]}`, "", others},
		{`{"currentContext":"default"}`, "", users},
		{`{"currentContext":"far"}`, "", ""},
		{`{"currentContext":"far"}`, "DOCKER_HOST=unix:///here", users},
		{`{"currentContext":"far"}`, "DOCKER_CONTEXT=default", users},
		{"", "DOCKER_CONTEXT=far", ""},
		{"{", "", ""},
	} {
		if write(t, filepath.Join(dir, "config.json"), c.config); c.config == "" {
			_ = os.Remove(filepath.Join(dir, "config.json"))
		}
		if got := Plugin(dir, func(name string) string {
			v, _ := strings.CutPrefix(c.env, name+"=")
			if v == c.env {
				return ""
			}
			return v
		}); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if err := os.Chmod(users, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Plugin(dir, func(string) string { return "" }); got == users {
		t.Error("nobody may run it")
	}
}

// answering is the API of an engine.
func answering(t *testing.T) *docker.Engine {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("API-Version", "1.48")
		if strings.HasSuffix(r.URL.Path, "/version") {
			_, _ = w.Write([]byte(`{"Version":"28.0.4","Os":"linux","Arch":"arm64"}`))
		}
	}))
	t.Cleanup(s.Close)
	return &docker.Engine{Host: "tcp://" + s.Listener.Addr().String()}
}

func TestFind_BuildxByItself(t *testing.T) {
	buildx := &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
		if c.Name != "/p/docker-buildx" || c.Args[0] != "version" {
			t.Errorf("%q was run", c)
		}
		return run.Result{Stdout: "github.com/docker/buildx v0.36.1 abc\n"}, nil
	}}
	got, err := Find(t.Context(), buildx, Search{Plugin: "/p/docker-buildx", API: answering(t)})
	if err != nil || got.String() != "buildx (v0.36.1, engine 28.0.4)" || got.Platform != "linux/arm64" {
		t.Errorf("%+v, %v", got, err)
	}
	fake := engine(t)
	if img, err := Build(t.Context(), fake, got, options()); err != nil || img.Digest != digest {
		t.Errorf("%+v, %v", img, err)
	}
	if c := fake.Calls()[0]; c.Name != "/p/docker-buildx" || c.Args[0] != "build" {
		t.Errorf("%q", c)
	}
}

// An engine behind a socket of this machine is taken for one that runs here, until it has
// said what it is.
func TestFind_AnEngineThatIsLikelyHere(t *testing.T) {
	buildx := &run.Fake{Handler: func(run.Cmd) (run.Result, error) {
		return run.Result{Stdout: "github.com/docker/buildx v0.36.1 abc\n"}, nil
	}}
	found := false
	api := &docker.Engine{Host: testkit.Engine(t, func() string {
		if !found {
			t.Error("the engine starts two processes for an answer that nobody may need")
		}
		return "s390x"
	})}
	got, err := Find(t.Context(), buildx, Search{Plugin: "/p/docker-buildx", API: api})
	if err != nil || got.String() != "buildx (v0.36.1)" || got.Platform != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("%+v, %v", got, err)
	}
	over, end := context.WithCancel(t.Context())
	end()
	if same, err := got.Sure(over); err == nil || same.Platform != got.Platform {
		t.Errorf("%+v, %v", same, err)
	}
	found = true
	for range 2 { // also of what is sure
		if got, err = got.Sure(t.Context()); err != nil || got.String() != "buildx (v0.36.1, engine 28.0.4)" || got.Platform != runtime.GOOS+"/s390x" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestStamped_OfThisMachineAlone(t *testing.T) {
	for _, c := range []struct{ path, version, os, arch, want string }{
		{"github.com/docker/buildx", "v0.36.1", runtime.GOOS, runtime.GOARCH, "v0.36.1"},
		{"github.com/docker/buildx", "v0.36.1", runtime.GOOS, "s390x", ""},
		{"github.com/docker/buildx", "v0.36.1", "plan9", runtime.GOARCH, ""},
		{"github.com/docker/buildx", "(devel)", runtime.GOOS, runtime.GOARCH, ""},
		{"github.com/docker/cli", "v28.0.4", runtime.GOOS, runtime.GOARCH, ""},
	} {
		info := debug.BuildInfo{Main: debug.Module{Path: c.path, Version: c.version}, Settings: []debug.BuildSetting{{Key: "GOARCH", Value: c.arch}, {Key: "GOOS", Value: c.os}}}
		if got := stamped(&info); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// Whatever is not as usual is found out by docker commands, as without it.
func TestFind_BuildxThatDoesNotAnswer(t *testing.T) {
	commands := commands(map[string]string{"a": "28.2.2"}, "a")
	silent := &docker.Engine{Host: "unix:///nowhere"}
	for name, s := range map[string]Search{
		"no such program": {Plugin: "/p/docker-buildx", API: answering(t)},
		"no engine":       {Plugin: "/p/docker-buildx", API: silent},
		"another builder": {Plugin: "/p/docker-buildx", API: answering(t), Builder: "mine"},
	} {
		s.Commands = []string{"a"}
		broken := &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
			switch {
			case c.Name != s.Plugin && len(c.Args) > 1 && c.Args[1] == "inspect":
				return run.Result{Stdout: "Driver: remote\n"}, nil
			case c.Name != s.Plugin:
				return commands.Handler(c)
			case name == "no such program":
				return run.Result{Code: -1}, os.ErrNotExist
			}
			return run.Result{Stdout: "github.com/docker/buildx v0.36.1 abc\n"}, nil
		}}
		if got, err := Find(t.Context(), broken, s); err != nil || got.CLI != "a" || got.Plugin != "" || got.Mode != Buildx {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
