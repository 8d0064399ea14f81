package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/spec"
	"github.com/buenhyden/hy-home/internal/workspace"
)

// platformInputs are the options that the inputs of setup-platform ask for, and
// those of its plan, which are the same.
func platformInputs(rt *Runtime, in spec.Values) (setupplatform.Options, error) {
	o, err := platformOptions(rt, in.String("name"), in.String("state-dir"))
	if err != nil {
		return o, err
	}
	if o.Catalog, err = withOwn(o.Catalog, in.String("catalog-dir")); err != nil {
		return o, err
	}
	o.Profile = in.String("profile")
	if o.Choice, err = catalog.ParseChoice(words(in.List("components")), words(in.List("sizes"))); err != nil {
		return o, err
	}
	o.Cluster = in.String("cluster")
	o.ClusterKubeconfig, o.ClusterContext = in.String("cluster-kubeconfig"), in.String("cluster-context")
	if o.Cluster != "existing" && o.ClusterKubeconfig+o.ClusterContext != "" {
		return o, exit.BadInputf("cluster-kubeconfig and cluster-context are for cluster: existing, but cluster is %q", o.Cluster)
	}
	if err := externalData(&o, in); err != nil {
		return o, err
	}
	if o.SealedKeys, err = sealedKeys(in.String("sealed-secrets-key-file")); err != nil {
		return o, err
	}
	o.NodeImage = in.String("node-image")
	o.ProofImage = in.String("proof-image")
	o.RegistryMirror = in.String("registry-mirror")
	o.DockerUsername, o.DockerPassword = in.String("docker-username"), in.String("docker-password")
	o.Prefetch = in.Bool("prefetch")
	if o.ChartDir, err = chartDir(in.String("chart-dir")); err != nil {
		return o, err
	}
	if o.Lock, err = chosenLock(in.String("lock-file")); err != nil {
		return o, err
	}
	o.Concurrency = in.Int("concurrency")
	o.Files, err = ownFiles(in)
	return o, err
}

// words takes lines of several words apart: "+kafka -airflow" is one line to write.
func words(lines []string) []string { return strings.Fields(strings.Join(lines, " ")) }

// chartDir is the input of that name: a directory that is there, or none.
func chartDir(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", exit.BadInputf("chart-dir %q is no directory", dir)
	}
	return filepath.Abs(dir)
}

// ownFiles are the inputs that name files of the user's.
func ownFiles(in spec.Values) (workspace.Files, error) {
	root, err := os.Getwd()
	if err != nil {
		return workspace.Files{}, fmt.Errorf("find the working directory: %w", err)
	}
	return workspace.Files{
		Root:            root,
		ComposeFiles:    in.List("compose-files"),
		EnvFiles:        in.List("env-files"),
		ComposeProfiles: in.List("compose-profiles"),
		KindConfig:      in.String("kind-config"),
		ValuesDir:       in.String("values-dir"),
		ManifestsDir:    in.String("manifests-dir"),
	}, nil
}
