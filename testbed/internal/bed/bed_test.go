package bed

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// find is a bed with empty directories and no Docker engine.
func find(t *testing.T, env map[string]string) *Bed {
	t.Helper()
	dir := t.TempDir()
	b, err := Find(func(name string) string {
		switch name {
		case "HY_TESTBED_CACHE":
			return filepath.Join(dir, "cache")
		case "XDG_STATE_HOME":
			return filepath.Join(dir, "state")
		case "DOCKER_HOST":
			return "unix://" + filepath.Join(dir, "no.sock")
		}
		return env[name]
	}, run.Exec{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func graph(t *testing.T, b *Bed, level Level) map[string][]string {
	t.Helper()
	var nodes []engine.Node
	var err error
	if level == Plain {
		nodes, err = b.plainNodes()
	} else {
		nodes, err = b.engineNodes(t.Context(), level)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Validate(nodes); err != nil {
		t.Fatalf("level %s: %v", level, err)
	}
	needs := map[string][]string{}
	for _, n := range nodes {
		needs[n.ID] = n.Needs
	}
	return needs
}

func TestUp_BuildsOnlyWhatALevelNeeds(t *testing.T) {
	b := find(t, nil)
	for level, want := range map[Level]struct{ has, lacks []string }{
		Plain:  {[]string{"kubernetes", "kwok", "argo-rollouts", "plain"}, []string{"docker", "coredns", "image-node"}},
		Engine: {[]string{"docker", "image-node", "fence", "registry", "push redis:7.0.15"}, []string{"kwok", "cluster", "plain", "image-spilo", "cert-manager"}},
		Data:   {[]string{"docker", "image-node", "image-spilo", "load ghcr.io/zalando/spilo-17:4.0-p3"}, []string{"kwok", "cluster", "plain"}},
		Charts: {[]string{"docker", "image-node", "prometheus", "push quay.io/prometheus/prometheus:v3.14.0-distroless"}, []string{"kwok", "cluster", "plain", "image-spilo"}},
		Kind:   {[]string{"docker", "image-node", "fence", "registry", "hyaction", "cluster"}, []string{"kwok", "plain"}},
	} {
		needs := graph(t, b, level)
		for _, id := range want.has {
			if _, ok := needs[id]; !ok {
				t.Errorf("level %s lacks the step %s", level, id)
			}
		}
		for _, id := range want.lacks {
			if _, ok := needs[id]; ok {
				t.Errorf("level %s has the step %s", level, id)
			}
		}
	}
}

// The engine starts while Kubernetes is still being compiled, and Debian's
// packages are fetched beside it.
func TestUp_RunsSideBySide(t *testing.T) {
	needs := graph(t, find(t, nil), Engine)
	var reach func(from, to string) bool
	reach = func(from, to string) bool {
		return from == to || slices.ContainsFunc(needs[from], func(id string) bool { return reach(id, to) })
	}
	if reach("docker", "kubernetes") || reach("debian-node", "kubernetes") || reach("kubernetes", "debian-node") {
		t.Errorf("steps wait for each other without need: %v", needs)
	}
	if !reach("coredns", "kubernetes") && !reach("kubernetes", "coredns") {
		t.Error("two Go compilers run at once")
	}
	if !reach("registry", "fence") {
		t.Error("a container starts on the network before the fence is up")
	}
}

func TestUp_UpstreamBuildsNoImages(t *testing.T) {
	for id := range graph(t, find(t, map[string]string{"TESTBED": "upstream"}), Kind) {
		if strings.HasPrefix(id, "image-") || strings.HasPrefix(id, "debian-") || strings.HasPrefix(id, "push ") || id == "fence" {
			t.Errorf("there is a step %s", id)
		}
	}
}

func TestFind_RefusesAnUnknownMode(t *testing.T) {
	_, err := Find(func(name string) string { return map[string]string{"TESTBED": "moon", "HOME": "/h"}[name] }, run.Exec{})
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "moon") {
		t.Errorf("Find = %v, want bad input that names the value", err)
	}
}

func TestParseLevel(t *testing.T) {
	if l, err := ParseLevel("engine"); l != Engine || err != nil {
		t.Errorf("ParseLevel = %s, %v", l, err)
	}
	if _, err := ParseLevel("moon"); exit.Code(err) != exit.BadInput {
		t.Errorf("ParseLevel of a level that is none = %v, want bad input", err)
	}
}

func TestLink_PointsElsewhereInOneStep(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "name")
	if err := os.WriteFile(name, nil, 0o644); err != nil { // what was there before, a file even
		t.Fatal(err)
	}
	for _, target := range []string{"one", "two", "two"} {
		if err := link(target, name); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(name); got != target || err != nil {
			t.Errorf("link leads to %q, %v, want %q", got, err, target)
		}
	}
}
