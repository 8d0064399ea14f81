// Package parts declares what is built from Go modules. Each part is a small
// module of its own under testbed/parts, which the main module does not see: its
// hundreds of dependencies are not the product's.
package parts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/internal/artifact"
)

// KubernetesVersion is the version that the part kubernetes says it is; it is
// also the one its go.mod requires, which a test compares.
const KubernetesVersion = "v1.34.4"

// RuncBounded is the OCI runtime for hosts that may not grant everything; see
// its own documentation in testbed/parts/node-tools.
const RuncBounded = "runc-bounded"

// Part is one module under testbed/parts and the programs made from it.
type Part struct {
	Name     string // its directory
	Programs []Program
	Version  string // of Kubernetes, put into the programs; "" puts nothing
	Tags     string // of the build, as the go command takes them
	Trimmed  bool   // built with -trimpath, as it shares its packages with the main module and not with kubernetes
}

// Program is one executable of a part.
type Program struct {
	Name    string
	Package string // as the go command names it
}

// All returns the parts in the order in which they are built: what shares most with
// kubernetes follows it.
func All() []Part {
	return []Part{
		{Name: "node-tools", Programs: []Program{
			{RuncBounded, "./runc-bounded"}, {"podnet", "./podnet"}, {"pause", "./pause"}, {"crictl", "./crictl"},
		}},
		{Name: "kubernetes", Programs: []Program{{"hyperkube", "."}}, Version: KubernetesVersion},
		{Name: "coredns", Programs: []Program{{"coredns", "."}}},
		{Name: "local-path-provisioner", Programs: []Program{
			{"local-path-provisioner", "github.com/rancher/local-path-provisioner"},
		}},
		{Name: "argo-rollouts", Programs: []Program{
			{"rollouts-controller", "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"},
		}},
		{Name: "metrics-server", Programs: []Program{{"metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"}}},
		{Name: "metallb", Programs: []Program{
			{"metallb-controller", "go.universe.tf/metallb/controller"}, {"metallb-speaker", "go.universe.tf/metallb/speaker"},
		}},
		{Name: "sealed-secrets", Programs: []Program{
			{"sealed-secrets-controller", "."}, {"controller", "github.com/bitnami/sealed-secrets/cmd/controller"}, {"kubeseal", "github.com/bitnami/sealed-secrets/cmd/kubeseal"},
		}, Trimmed: true},
		{Name: "cert-manager", Programs: []Program{{"cert-manager", "."}}, Trimmed: true},
		{Name: "prometheus", Programs: []Program{
			{"prometheus", "github.com/prometheus/prometheus/cmd/prometheus"},
			{"operator", "github.com/prometheus-operator/prometheus-operator/cmd/operator"},
			{"prometheus-config-reloader", "github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader"},
			{"node_exporter", "github.com/prometheus/node_exporter"},
			{"kube-state-metrics", "k8s.io/kube-state-metrics/v2"},
		}, Trimmed: true, Tags: "remove_all_sd,enable_dns_sd,enable_kubernetes_sd"}, // discovery in clouds is half of it
		{Name: "distribution", Programs: []Program{{"registry", "."}}},
		{Name: "redis-exporter", Programs: []Program{{"redis_exporter", "github.com/oliver006/redis_exporter"}}},
		{Name: "s3-server", Programs: []Program{{"s3-server", "."}}},
		{Name: "buildkit", Programs: []Program{
			{"buildkitd", "github.com/moby/buildkit/cmd/buildkitd"}, {"buildctl", "github.com/moby/buildkit/cmd/buildctl"},
			{"docker-buildx", "github.com/docker/buildx/cmd/buildx"},
		}, Trimmed: true},
		{Name: "kwok", Programs: []Program{{"kwok", "sigs.k8s.io/kwok/cmd/kwok"}}},
	}
}

// Artifact is the part's programs as an artifact, built from the checkout in root.
func (p Part) Artifact(runner run.Runner, root string) (*artifact.Artifact, error) {
	dir := filepath.Join(root, "testbed", "parts", p.Name)
	var r artifact.Recipe
	r.Words(runtime.Version(), runtime.GOARCH, p.ldflags())
	for _, program := range p.Programs {
		r.Words(program.Name, program.Package)
	}
	if p.Trimmed {
		r.Words("trimmed")
	}
	if p.Tags != "" {
		r.Words(p.Tags)
	}
	if err := r.Files(os.DirFS(dir), decides); err != nil {
		return nil, fmt.Errorf("part %s: %w", p.Name, err)
	}
	return &artifact.Artifact{
		Name: p.Name, Recipe: r.String(), Turn: "go",
		Make: func(ctx context.Context, out string, _ func(*artifact.Artifact) string, progress func(string)) error {
			return p.build(ctx, runner, dir, out, progress)
		},
	}, nil
}

// decides reports whether a file of a part has a say in what is built. What lies in
// a directory called same only compares the product with the part.
func decides(path string) bool {
	name := filepath.Base(path)
	if strings.HasPrefix(path, "same/") {
		return false
	}
	return name == "go.mod" || name == "go.sum" ||
		strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// build compiles. The go command's own cache makes a second build short, and
// what several parts compile in one version is compiled once: their go.mod files
// are held to the versions of kubernetes for that.
//
// There is no -trimpath but in trimmed parts, unlike everywhere else: with it the version that go.mod
// requires becomes a part of a package's identity, not the one that replaces it,
// and every part would compile client-go for itself.
func (p Part) build(ctx context.Context, runner run.Runner, dir, out string, progress func(string)) error {
	progress("go mod download")
	goflags := "GOFLAGS=-buildvcs=false -mod=readonly"
	if p.Trimmed {
		goflags += " -trimpath"
	}
	env := []string{"CGO_ENABLED=0", goflags, "GOWORK=off"}
	if _, err := runner.Run(ctx, run.Cmd{Name: "go", Args: []string{"mod", "download"}, Dir: dir, Env: env}); err != nil {
		return err
	}
	for _, program := range p.Programs {
		progress("go build " + program.Name)
		_, err := runner.Run(ctx, run.Cmd{
			Name: "go", Dir: dir, Env: env,
			Args: []string{"build", "-tags", p.Tags, "-ldflags", p.ldflags(), "-o", filepath.Join(out, program.Name), program.Package},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p Part) ldflags() string {
	flags := "-s -w"
	if p.Version == "" {
		return flags
	}
	major, minor, _ := strings.Cut(strings.TrimPrefix(p.Version, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags += fmt.Sprintf(" -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=%[3]s -X %[1]s.gitMinor=%[4]s", pkg, p.Version, major, minor)
	}
	return flags
}
