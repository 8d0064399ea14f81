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

// CRDs is the file in BinDir with the CustomResourceDefinitions of Argo
// Rollouts: a JSON array, since reading 3 MB of YAML takes longer than creating
// what it says.
const CRDs = "rollouts-crds.json"

// rolloutsModule carries the CRDs: one version with the controller built from
// testbed/parts/argo-rollouts.
const rolloutsModule = "github.com/argoproj/argo-rollouts@v1.10.1"

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

// FetchCRDs writes [CRDs] into binDir, from the Go module of Argo Rollouts. It
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

func readCRDs(ctx context.Context, runner run.Runner) ([]json.RawMessage, error) {
	res, err := runner.Run(ctx, run.Cmd{Name: "go", Args: []string{"mod", "download", "-json", rolloutsModule}})
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
	var crds []json.RawMessage
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		crd, err := yaml.YAMLToJSON(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		crds = append(crds, crd)
	}
	return crds, nil
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
