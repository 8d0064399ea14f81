package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

// What is released, and where.
const (
	image   = "localhost:5001/shop/backend"
	overlay = "apps/backend/overlays/dev"
)

// A version is one release and how its gate must end.
type version struct {
	name      string
	failRatio string // share of requests that it answers with an error
	verdict   int    // exit code that the gate must give
}

var versions = []version{
	{name: "v1", failRatio: "0", verdict: exit.OK},
	{name: "v2", failRatio: "0", verdict: exit.OK},
	{name: "v3", failRatio: "0.5", verdict: exit.Refused},
}

// release is the whole demo, as one list.
func (s *stage) release() []engine.Node {
	nodes := []engine.Node{
		s.node("test-bed", "setup", s.testBed),
		s.node("hyaction", "setup", s.buildBinary),
		s.node("platform", "setup", s.platform, "test-bed", "hyaction"),
		s.node("infra-repository", "setup", s.infraRepository, "hyaction"),
	}
	before := []string{"platform", "infra-repository"}
	for i, v := range versions {
		lane := v.name
		build, bump, apply, gate := lane+" build-push", lane+" bump-image", lane+" apply", lane+" canary-gate"
		buildNeeds := before
		if i == 0 {
			buildNeeds = []string{"test-bed", "hyaction"} // the registry is there before the platform
		}
		nodes = append(nodes,
			s.node(build, lane, s.buildPush(v), buildNeeds...),
			s.node(bump, lane, s.bumpImage(v), append([]string{build}, before...)...),
			s.node(apply, lane, s.apply, bump),
			s.node(gate, lane, s.canaryGate(v), apply),
		)
		before = []string{gate}
	}
	return append(nodes, s.node("v2 still serves", "proof", s.stillServes("v2"), before...))
}

// strike takes everything down again.
func (s *stage) strike() []engine.Node {
	return []engine.Node{
		s.node("hyaction", "clean up", s.buildBinary),
		s.node("platform", "clean up", func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			_, err := s.hyaction(ctx, progress, []string{"platform", "down"}, nil)
			return engine.Removed, err
		}, "hyaction"),
		s.node("test-bed", "clean up", func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			_, err := s.start(ctx, progress, run.Cmd{Name: "go", Args: []string{"run", "./testbed", "down"}})
			return engine.Removed, err
		}, "platform"),
	}
}

type work = func(ctx context.Context, progress func(string)) (engine.Outcome, error)

func (s *stage) node(id, lane string, w work, needs ...string) engine.Node {
	return engine.Node{ID: id, Lane: lane, Needs: needs, Timeout: limit, Run: w}
}

func (s *stage) testBed(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	_, err := s.start(ctx, progress, run.Cmd{Name: "go", Args: []string{"run", "./testbed", "up", "engine"}})
	return engine.Configured, err
}

func (s *stage) buildBinary(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	_, err := s.start(ctx, progress, run.Cmd{Name: "go", Args: []string{"build", "-ldflags", "-s -w", "-o", s.bin, "./cmd/hyaction"}, Env: []string{"CGO_ENABLED=0"}})
	return engine.Created, err
}

func (s *stage) platform(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	inputs := map[string]string{"PROFILE": "testbed"}
	if !s.upstream {
		inputs["NODE_IMAGE"], inputs["REGISTRY_MIRROR"] = node.Name, host.Mirror
		// The bed's images are its own: their digests are asked of its registry.
		inputs["LOCK_FILE"] = filepath.Join(s.out, "platform.lock")
		_, err := s.hyaction(ctx, progress, []string{"lock", "update", "--file", inputs["LOCK_FILE"], "--registry-mirror", "http://" + host.RegistryAddr}, nil)
		if err != nil {
			return "", err
		}
	}
	outputs, err := s.action(ctx, progress, "setup-platform", inputs)
	if err != nil {
		return "", err
	}
	s.keep("kubeconfig", outputs["kubeconfig"])
	s.keep("platform-report", outputs["report-json"])
	if outputs["changed"] == "false" {
		return engine.Unchanged, nil
	}
	return engine.Created, nil
}

// infraRepository writes the template as a user does at the start, and pushes it
// to a bare repository that stands for the one on GitHub.
func (s *stage) infraRepository(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	seed, bare := filepath.Join(s.out, "infra-seed"), s.bareRepository()
	if _, err := s.hyaction(ctx, progress, []string{"infra", "init", "--git", seed}, nil); err != nil {
		return "", err
	}
	_, err := s.start(ctx, progress, run.Cmd{Name: "git", Args: []string{"clone", "--quiet", "--bare", "--", seed, bare}})
	return engine.Created, err
}

func (s *stage) buildPush(v version) work {
	return func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		outputs, err := s.action(ctx, progress, "build-push", map[string]string{
			"CONTEXT":    filepath.Join(s.root, "examples", "backend"),
			"IMAGE":      image,
			"TAGS":       v.name,
			"BUILD_ARGS": "VERSION=" + v.name + "\nFAIL_RATIO=" + v.failRatio,
		})
		if err != nil {
			return "", err
		}
		if !strings.Contains(outputs["image-ref"], "@sha256:") {
			return "", fmt.Errorf("output image-ref is %q, want a reference with a digest", outputs["image-ref"])
		}
		s.keep("image-ref", outputs["image-ref"])
		return engine.Created, nil
	}
}

func (s *stage) bumpImage(v version) work {
	return func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		outputs, err := s.action(ctx, progress, "bump-image", map[string]string{
			"REPOSITORY": s.bareRepository(),
			"DIRECTORY":  overlay,
			"IMAGES":     image + "=" + s.output("image-ref"),
		})
		if err != nil {
			return "", err
		}
		if outputs["changed"] != "true" {
			return "", fmt.Errorf("nothing was bumped to %s", v.name)
		}
		return engine.Configured, nil
	}
}

// apply brings the head of the infra repository into the cluster, and traffic to
// the service: a canary without requests cannot be judged.
func (s *stage) apply(ctx context.Context, progress func(string)) (engine.Outcome, error) {
	checkout, err := s.freshClone(ctx, progress)
	if err != nil {
		return "", err
	}
	for _, dir := range []string{filepath.Join(checkout, "clusters", "hy-home"), filepath.Join(s.root, "examples", "backend", "load")} {
		if _, err := s.hyaction(ctx, progress, []string{"infra", "apply", dir}, nil); err != nil {
			return "", err
		}
	}
	return engine.Configured, nil
}

// query is the share of the revision's requests that ended in an error. Without
// requests it has no result, which is no evidence; without errors it is 0.
const query = `(sum(rate(http_requests_total{code=~"5..",revision="{{pod-hash}}"}[15s])) or vector(0))` +
	` / (sum(rate(http_requests_total{revision="{{pod-hash}}"}[15s])) > 0)`

func (s *stage) canaryGate(v version) work {
	return func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		outputs, err := s.action(ctx, progress, "canary-gate", map[string]string{
			"ROLLOUT":    "apps/backend",
			"IMAGE":      s.output("image-ref"),
			"PROMETHEUS": "service:monitoring/prometheus:9090",
			"QUERY":      query,
			"CONDITION":  "len(result) > 0 && result[0] < 0.05",
			"INTERVAL":   "3s",
			"TIMEOUT":    "5m",
			"ABORT":      "true", // the gate may see it before the Rollout's own analysis does
		})
		got := exit.OK
		var no *refusal
		switch {
		case errors.As(err, &no):
			got = no.code
		case err != nil:
			return "", err
		}
		if got != v.verdict {
			return "", fmt.Errorf("the gate answered with exit code %d, want %d: %s", got, v.verdict, outputs["message"])
		}
		s.keep(v.name+" verdict", outputs["verdict"]+": "+outputs["message"])
		return engine.Checked, nil
	}
}
