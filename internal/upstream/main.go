// Command upstream writes the manifests and charts that the catalog takes from
// other projects, from their Go modules: the module proxy and go.sum's database vouch
// for what a download from a release page would not.
//
//	go run ./internal/upstream
//
// Two things are changed, and said at the head of each file. The descriptions
// in CRD schemas are left out, which makes three megabytes a third of one and
// changes nothing that the API server checks. And images get the version as
// their tag, as upstream's release does, and need not be pulled again. A chart stays
// as it is, without what nothing of ours reads.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/run"
)

// source is one file of a Go module that a component's manifests are made from.
type source struct {
	component, module, version, file, license string
}

var sources = []source{
	{"argo-rollouts", "github.com/argoproj/argo-rollouts", "v1.10.1", "manifests/install.yaml", "Apache-2.0"},
}

// charts are those that lie in a module, dir being their place there.
var charts = []chart{
	{source{"sealed-secrets", "github.com/bitnami-labs/sealed-secrets", "v0.40.0", "helm/sealed-secrets", "Apache-2.0"}, []string{"README.md", "artifacthub-repo.yml", "dashboards"}},
}

type chart struct {
	source
	without []string // files and directories of it
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, s := range sources {
		if err := write(ctx, s, filepath.Join("internal/catalog/components", s.component, "manifests")); err != nil {
			fmt.Fprintln(os.Stderr, "upstream:", err)
			os.Exit(1)
		}
	}
	for _, c := range charts {
		if err := c.copy(ctx, filepath.Join("internal/catalog/components", c.component)); err != nil {
			fmt.Fprintln(os.Stderr, "upstream:", err)
			os.Exit(1)
		}
	}
}

// copy writes the chart into a component's directory, with a note of where it is
// from beside it: the chart's own files are upstream's to the letter.
func (c chart) copy(ctx context.Context, to string) error {
	root, err := download(ctx, c.source)
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.module, c.version, err)
	}
	from := filepath.Join(root, filepath.FromSlash(c.file))
	if err := os.RemoveAll(filepath.Join(to, "chart")); err != nil {
		return err
	}
	err = filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case slices.Contains(c.without, filepath.ToSlash(name)) && entry.IsDir():
			return fs.SkipDir
		case slices.Contains(c.without, filepath.ToSlash(name)):
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, "chart", name), 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, "chart", name), text, 0o644)
	})
	if err != nil {
		return err
	}
	note := fmt.Sprintf("chart/ is https://%s/tree/%s/%s\nLicense %s, unchanged but without: %s\nWritten by `go run ./internal/upstream`: do not edit.\n",
		c.module, c.version, c.file, c.license, strings.Join(c.without, ", "))
	return os.WriteFile(filepath.Join(to, "UPSTREAM"), []byte(note), 0o644)
}

func write(ctx context.Context, s source, dir string) error {
	text, err := fetch(ctx, s)
	if err != nil {
		return fmt.Errorf("%s %s: %w", s.module, s.version, err)
	}
	crds, rest, err := split(text, s.version)
	if err != nil {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	head := fmt.Sprintf("# From https://%s/blob/%s/%s\n# License %s, sha256 of the source %x\n", s.module, s.version, s.file, s.license, sha256.Sum256(text))
	tail := "# Written by `go run ./internal/upstream`: do not edit.\n"
	files := map[string][]byte{
		"crds.yaml":       append([]byte(head+"# Only the CustomResourceDefinitions, one a line, without the descriptions in their schemas.\n"+tail), crds...),
		"controller.yaml": append([]byte(head+"# Without the CustomResourceDefinitions; the image tag is the version, not latest, and imagePullPolicy is IfNotPresent.\n"+tail), rest...),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fetch returns the file of the module, downloaded and checked by the go command.
func fetch(ctx context.Context, s source) ([]byte, error) {
	dir, err := download(ctx, s)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, filepath.FromSlash(s.file)))
}

// download returns the directory of the module.
func download(ctx context.Context, s source) (string, error) {
	res, err := run.Exec{}.Run(ctx, run.Cmd{Name: "go", Args: []string{"mod", "download", "-json", s.module + "@" + s.version}})
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	err = json.Unmarshal([]byte(res.Stdout), &module)
	return module.Dir, err
}

// split separates the CRDs, shrunk to a JSON document a line, from the other
// documents, which stay as upstream wrote them.
func split(text []byte, version string) (crds, rest []byte, err error) {
	for _, doc := range bytes.Split(text, []byte("\n---\n")) {
		objs, err := apply.Decode(bytes.NewReader(doc), "document")
		if err != nil {
			return nil, nil, err
		}
		if len(objs) != 1 || objs[0].GetKind() != "CustomResourceDefinition" {
			doc = bytes.ReplaceAll(doc, []byte("imagePullPolicy: Always"), []byte("imagePullPolicy: IfNotPresent"))
			doc = bytes.ReplaceAll(doc, []byte(":latest\n"), []byte(":"+version+"\n"))
			rest = append(append(append(rest, "---\n"...), bytes.TrimSpace(doc)...), '\n')
			continue
		}
		line, err := json.Marshal(withoutDescriptions(objs[0]))
		if err != nil {
			return nil, nil, err
		}
		crds = append(append(append(crds, "---\n"...), line...), '\n')
	}
	return crds, rest, nil
}

func withoutDescriptions(crd *unstructured.Unstructured) map[string]any {
	crd = crd.DeepCopy()
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if schema, ok := version["schema"].(map[string]any); ok {
			strip(schema, false)
		}
	}
	_ = unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions")
	return crd.Object
}

// strip removes descriptions, but not a property that is called "description".
func strip(node map[string]any, properties bool) {
	if !properties {
		if _, ok := node["description"].(string); ok {
			delete(node, "description")
		}
	}
	for key, value := range node {
		switch child := value.(type) {
		case map[string]any:
			strip(child, key == "properties" && !properties)
		case []any:
			for _, item := range child {
				if m, ok := item.(map[string]any); ok {
					strip(m, false)
				}
			}
		}
	}
}
