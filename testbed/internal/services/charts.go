package services

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/buenhyden/hy-home/testbed/internal/artifact"
	"github.com/buenhyden/hy-home/testbed/internal/image"
)

// program is an image with one program in it, under the name and tag that the
// charts of the catalog ask for. The tag is the chart's even where the module proxy
// serves another patch of the program, as the part's go.mod says.
type program struct {
	image string
	file  string // of the part
	at    string // where upstream's image has it, which is also its entrypoint
	user  string // that upstream's image names
}

// ofCharts are the images that a part's programs make.
var ofCharts = map[string][]program{
	"metrics-server": {
		{"registry.k8s.io/metrics-server/metrics-server:v0.8.1", "metrics-server", "/metrics-server", "65534"},
	},
	"metallb": {
		{"quay.io/metallb/controller:v0.16.1", "metallb-controller", "/controller", ""},
		{"quay.io/metallb/speaker:v0.16.1", "metallb-speaker", "/speaker", ""},
	},
	"cert-manager": {
		{"quay.io/jetstack/cert-manager-controller:v1.21.1", "cert-manager", "/app/cmd/controller/controller", "1000"},
		{"quay.io/jetstack/cert-manager-webhook:v1.21.1", "cert-manager", "/app/cmd/webhook/webhook", "1000"},
		{"quay.io/jetstack/cert-manager-cainjector:v1.21.1", "cert-manager", "/app/cmd/cainjector/cainjector", "1000"},
	},
	"sealed-secrets": {
		{"docker.io/bitnami/sealed-secrets-controller:0.40.0", "controller", "/usr/local/bin/controller", "1001"},
	},
	"prometheus": {
		{"quay.io/prometheus/prometheus:v3.14.0-distroless", "prometheus", "/bin/prometheus", "65532"},
		{"quay.io/prometheus-operator/prometheus-operator:v0.93.1", "operator", "/bin/operator", "65534"},
		{"quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1", "prometheus-config-reloader", "/bin/prometheus-config-reloader", "65534"},
		{"quay.io/prometheus/node-exporter:v1.12.1-distroless", "node_exporter", "/bin/node_exporter", "65532"},
		{"registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.20.0", "kube-state-metrics", "/kube-state-metrics", "65534"},
	},
}

// ChartParts are the parts whose programs run through charts.
func ChartParts() []string { return slices.Sorted(maps.Keys(ofCharts)) }

// OfCharts are the images of a part whose programs run through charts, by name.
func OfCharts(part *artifact.Artifact) map[string]*artifact.Artifact {
	images := map[string]*artifact.Artifact{}
	for _, p := range ofCharts[part.Name] {
		images[p.image] = p.artifact(part)
	}
	return images
}

func (p program) artifact(part *artifact.Artifact) *artifact.Artifact {
	i := image.Image{Names: []string{p.image}, Config: image.Config{User: p.user, WorkingDir: "/", Entrypoint: []string{p.at}}}
	// By the program's path, of which no two are the same.
	a := &artifact.Artifact{Name: "image-" + part.Name + "-" + filepath.Base(p.at), Inputs: []*artifact.Artifact{part}, Recipe: recipe(i)}
	a.Make = func(_ context.Context, dir string, path func(*artifact.Artifact) string, progress func(string)) error {
		progress("writing the image")
		return save(dir, a.Key(), i, func(l *image.Layer) error {
			l.Dir("/tmp", 0o1777)
			l.Bytes("/etc/passwd", 0o644, []byte(passwd))
			l.Copy(p.at, 0o755, filepath.Join(path(part), p.file))
			return nil
		})
	}
	return a
}
