package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/run"
)

func TestTools_MissingNamesPackagesOnce(t *testing.T) {
	absent := func(string) (string, error) { return "", exec.ErrNotFound }
	if got, want := BuildTools().missing(absent), []string{"containerd", "debian-archive-keyring", "mmdebstrap"}; !reflect.DeepEqual(got, want) {
		t.Errorf("missing = %q, want %q", got, want)
	}
	present := func(name string) (string, error) { return "/bin/" + name, nil }
	if got := BuildTools().missing(present); len(got) != 0 {
		t.Errorf("missing = %q, want nothing", got)
	}
}

func TestLook_ByNameOrPattern(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "15", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := look(dir + "/*/bin/postgres"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("found what is not there: %v", err)
	}
	want := filepath.Join(dir, "15", "bin", "postgres")
	if err := os.WriteFile(want, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := look(dir + "/*/bin/postgres"); err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := look("go"); err != nil {
		t.Error(err)
	}
}

func TestMirrorPath(t *testing.T) {
	for name, want := range map[string][2]string{
		"redis:7.0.15":                           {"library/redis", "7.0.15"},
		"prom/prometheus:v2.42.0":                {"prom/prometheus", "v2.42.0"},
		"quay.io/argoproj/argo-rollouts:v1.10.1": {"argoproj/argo-rollouts", "v1.10.1"},
	} {
		if path, tag := mirrorPath(name); path != want[0] || tag != want[1] {
			t.Errorf("mirrorPath(%q) = %q, %q, want %q", name, path, tag, want)
		}
	}
}

func TestStreamError(t *testing.T) {
	for stream, want := range map[string]string{
		"": "",
		`{"status":"Pushing"}{"status":"Pushed"}`:                          "",
		`{"status":"Pushing"}{"error":"no route","errorDetail":{"x":"y"}}`: "no route",
	} {
		got := ""
		if err := streamError(strings.NewReader(stream)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("streamError(%q) = %q, want %q", stream, got, want)
		}
	}
	if streamError(strings.NewReader(`{"status":`)) == nil {
		t.Error("a stream that breaks off is no error")
	}
}

// tables plays iptables with one chain.
type tables struct{ rules [][]string }

func (s *tables) run(c run.Cmd) (run.Result, error) {
	args := c.Args[1:] // after --wait
	switch args[0] {
	case "--insert":
		s.rules = append(s.rules, args[3:])
	case "--check":
		if !slices.ContainsFunc(s.rules, func(r []string) bool { return slices.Equal(r, args[2:]) }) {
			return run.Result{Code: 1}, nil
		}
	case "--delete":
		s.rules = s.rules[:len(s.rules)-1]
	default:
		return run.Result{}, errors.New("unexpected: " + args[0])
	}
	return run.Result{}, nil
}

func TestFence_IsRaisedOnceAndLoweredWhole(t *testing.T) {
	chain := &tables{}
	f := Fence{Runner: &run.Fake{Handler: chain.run}}
	step := func(do func(context.Context) (engine.Outcome, error), want engine.Outcome, rules int) {
		t.Helper()
		if got, err := do(t.Context()); got != want || err != nil {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
		if len(chain.rules) != rules {
			t.Errorf("%d rules, want %d", len(chain.rules), rules)
		}
	}
	step(f.Raise, engine.Created, 1)
	step(f.Raise, engine.Unchanged, 1)
	chain.rules = append(chain.rules, chain.rules[0]) // a second one, by whatever accident
	step(f.Lower, engine.Removed, 0)
	step(f.Lower, engine.Unchanged, 0)
}

func TestFence_CountsWhatItRefused(t *testing.T) {
	const list = `Chain DOCKER-USER (1 references)
    pkts      bytes target     prot opt in     out     source               destination
      12      720 REJECT     0    --  *      *       172.18.0.0/15       !172.18.0.0/15        /* x */ reject-with icmp-net-prohibited
     388    30218 RETURN     0    --  *      *       0.0.0.0/0            0.0.0.0/0
`
	answer := func(text string) Fence {
		return Fence{Runner: &run.Fake{Handler: func(run.Cmd) (run.Result, error) { return run.Result{Stdout: text}, nil }}}
	}
	if n, err := answer(list).Refused(t.Context()); n != 12 || err != nil {
		t.Errorf("Refused = %d, %v, want 12", n, err)
	}
	if _, err := answer("Chain DOCKER-USER (1 references)\n").Refused(t.Context()); err == nil {
		t.Error("Refused of a fence that is down is no error")
	}
}

func TestDockerd_ForgetsAStrangersNumber(t *testing.T) {
	d := &Dockerd{Dir: t.TempDir(), Engine: &docker.Engine{}}
	if _, running := d.pid(); running {
		t.Error("it runs without a file")
	}
	// This test's own process number: alive, and no dockerd.
	file := filepath.Join(d.Dir, "dockerd.pid")
	if err := os.WriteFile(file, fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, running := d.pid(); running {
		t.Error("another program with its number counts as running")
	}
	if got, err := d.Stop(t.Context(), func(string) {}); got != engine.Unchanged || err != nil {
		t.Errorf("Stop = %s, %v, want unchanged", got, err)
	}
}

func TestDockerd_AsksForTheRuntimeOnlyWhereItMust(t *testing.T) {
	d := &Dockerd{Dir: "/d", Runtime: "/r/runc-bounded"}
	if got, want := d.args(false), []string{"--pidfile", "/d/dockerd.pid"}; !reflect.DeepEqual(got, want) {
		t.Errorf("args = %q, want %q", got, want)
	}
	if got := d.args(true); !slices.Contains(got, "runc-bounded=/r/runc-bounded") || !slices.Contains(got, "--default-runtime") {
		t.Errorf("args = %q, want the runtime in it", got)
	}
}

func TestRaise_OnlyUpwards(t *testing.T) {
	file := filepath.Join(t.TempDir(), "limit")
	for _, tc := range []struct {
		have string
		want engine.Outcome
		then string
	}{
		{"128\n", engine.Configured, "512"},
		{"512\n", engine.Unchanged, "512\n"},
		{"8192\n", engine.Unchanged, "8192\n"},
	} {
		if err := os.WriteFile(file, []byte(tc.have), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := raise(file, 512)
		if got != tc.want || err != nil {
			t.Errorf("raise from %q = %s, %v, want %s", tc.have, got, err, tc.want)
		}
		if then, err := os.ReadFile(file); string(then) != tc.then || err != nil {
			t.Errorf("raise from %q leaves %q, %v, want %q", tc.have, then, err, tc.then)
		}
	}
}
