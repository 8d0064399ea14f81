package plain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/run"
)

// rolloutsVersion is that of the controller built from testbed/parts/argo-rollouts.
const rolloutsVersion = "v1.10.1"

// CRDs is the file in BinDir with the CustomResourceDefinitions of Argo
// Rollouts, as a JSON array and without the descriptions of their fields: those
// are for `kubectl explain` only and three quarters of 1.3 MB, and without them
// the API server has the CRDs at work with 5.5 s of CPU time instead of 9.
const CRDs = "rollouts-crds-" + rolloutsVersion + ".json"

// Missing names the first executable that a bed needs and that is not there, or
// returns "". An empty prometheus means the one in PATH.
func Missing(binDir, prometheus string) string {
	if prometheus == "" {
		prometheus = "prometheus"
	}
	for _, name := range []string{Hyperkube, Kwok, Rollouts} {
		path := filepath.Join(binDir, name)
		if _, err := exec.LookPath(path); err != nil {
			return path
		}
	}
	if _, err := exec.LookPath(prometheus); err != nil {
		return prometheus + " (Debian package prometheus)"
	}
	return ""
}

// FetchCRDs writes [CRDs] into binDir, read from the Go module of Argo Rollouts. It
// needs the go command, and the network unless the module cache has the module.
func FetchCRDs(ctx context.Context, runner run.Runner, binDir string) error {
	crds, err := readCRDs(ctx, runner)
	if err != nil {
		return fmt.Errorf("CRDs of Argo Rollouts: %w", err)
	}
	data, err := json.Marshal(crds)
	if err != nil {
		return fmt.Errorf("CRDs of Argo Rollouts: %w", err)
	}
	return writeFile(filepath.Join(binDir, CRDs), data, 0o644)
}

func readCRDs(ctx context.Context, runner run.Runner) ([]any, error) {
	res, err := runner.Run(ctx, run.Cmd{Name: "go", Args: []string{"mod", "download", "-json", "github.com/argoproj/argo-rollouts@" + rolloutsVersion}})
	if err != nil {
		return nil, err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(res.Stdout), &module); err != nil {
		return nil, fmt.Errorf("answer of go mod download: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(module.Dir, "manifests", "crds", "*-crd.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no manifests/crds/*-crd.yaml", module.Dir)
	}
	var crds []any
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var crd map[string]any
		if err := yaml.Unmarshal(data, &crd); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		dropDescriptions(crd["spec"])
		crds = append(crds, crd)
	}
	return crds, nil
}

// dropDescriptions removes the descriptions from a schema, but neither a
// property of that name, which is an object, nor anything from a default.
func dropDescriptions(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, text := node["description"].(string); text {
			delete(node, "description")
		}
		for key, child := range node {
			if key != "default" && key != "enum" && key != "example" {
				dropDescriptions(child)
			}
		}
	case []any:
		for _, child := range node {
			dropDescriptions(child)
		}
	}
}

// loadCRDs reads [CRDs], after fetching it if it is not there.
func loadCRDs(ctx context.Context, binDir string) ([]*unstructured.Unstructured, error) {
	file := filepath.Join(binDir, CRDs)
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		if err = FetchCRDs(ctx, run.Exec{}, binDir); err == nil {
			data, err = os.ReadFile(file)
		}
	}
	if err != nil {
		return nil, err
	}
	var crds []*unstructured.Unstructured
	if err := json.Unmarshal(data, &crds); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return crds, nil
}
