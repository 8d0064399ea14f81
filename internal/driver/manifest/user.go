package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/kustomize"
)

// settings of a component that stands for a directory of the user's. A component
// of the catalog has none: its manifests are among its files.
type settings struct {
	Root string `yaml:"root"` // kustomize's bases may lie anywhere below
	Dir  string `yaml:"dir"`
}

func isUsers(c catalog.Component) bool { return c.Settings["dir"] != nil }

var (
	_ engine.Preflighter = Driver{}
	_ engine.Describer   = Driver{}
)

// Preflight reads the user's objects, so that a mistake in one is told before
// anything starts.
func (d Driver) Preflight(_ context.Context, cs []catalog.Component, _ engine.Env) error {
	for _, c := range cs {
		if !isUsers(c) {
			continue
		}
		objs, err := userObjects(c)
		if err != nil {
			return err
		}
		if _, err := withCredentials(c, objs); err != nil {
			return err
		}
	}
	return nil
}

// Describe fills in the images of the user's objects, the credentials that their
// Secrets ask for, and that their workloads have to become ready.
func (d Driver) Describe(_ context.Context, c catalog.Component, _ engine.Env) (catalog.Component, error) {
	if !isUsers(c) {
		return c, nil
	}
	objs, err := userObjects(c)
	if err != nil {
		return c, err
	}
	if c, err = withCredentials(c, objs); err != nil {
		return c, err
	}
	c.Images = kustomize.Images(objs)
	for _, o := range objs {
		switch gvk := o.GroupVersionKind(); gvk.GroupKind().String() {
		case "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "Job.batch":
			namespace := o.GetNamespace()
			if namespace == "" {
				namespace = c.Namespace
			}
			c.Ready = append(c.Ready, catalog.Probe{Object: &catalog.ObjectProbe{Kind: gvk.Kind, APIVersion: gvk.GroupVersion().String(), Name: o.GetName(), Namespace: namespace}})
		}
	}
	return c, nil
}

// userObjects reads a directory of the user's: a kustomization as kustomize
// renders it, else every manifest in it and below, kustomizations among them.
func userObjects(c catalog.Component) ([]*unstructured.Unstructured, error) {
	var s settings
	if err := c.DecodeSettings(&s); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(s.Root)
	if err != nil {
		return nil, fmt.Errorf("manifests-dir: %w", err)
	}
	defer root.Close()
	start, err := filepath.Rel(s.Root, s.Dir)
	if err != nil || !filepath.IsLocal(start) {
		return nil, exit.BadInputf("manifests-dir %s lies outside of %s: name a directory inside", s.Dir, s.Root)
	}
	u := reader{root: root, from: map[string]string{}}
	err = fs.WalkDir(root.FS(), filepath.ToSlash(start), u.visit)
	if err != nil {
		return nil, err
	}
	if len(u.objs) == 0 {
		return nil, exit.BadInputf("manifests-dir %s holds no Kubernetes object (*.yaml, *.yml, *.json or a kustomization)", start)
	}
	return u.objs, nil
}

// reader gathers the objects of a directory.
type reader struct {
	root *os.Root
	objs []*unstructured.Unstructured
	from map[string]string // object: the file it is of
}

func (u *reader) visit(path string, entry fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("manifests-dir: %w", err)
	case strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".":
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	case entry.IsDir():
		if _, err := kustomize.FindFile(u.root, path); err != nil {
			return nil //nolint:nilerr // a plain directory
		}
		objs, err := kustomize.Render(u.root, path)
		if err != nil {
			return exit.BadInputf("manifests-dir: %w", err)
		}
		if err := u.add(path, objs); err != nil {
			return err
		}
		return fs.SkipDir
	case !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
		return nil
	}
	text, err := u.root.ReadFile(path)
	if err != nil {
		return fmt.Errorf("manifests-dir: %w", err)
	}
	objs, err := apply.Decode(bytes.NewReader(text), path)
	if err != nil {
		return exit.BadInputf("manifests-dir: %w", err)
	}
	return u.add(path, objs)
}

// add takes objects in; one that is there twice has two owners, of which the
// last would win in silence.
func (u *reader) add(path string, objs []*unstructured.Unstructured) error {
	for _, o := range objs {
		if o.GetGenerateName() != "" && o.GetName() == "" {
			return exit.BadInputf("manifests-dir: %s: a %s with generateName would be made anew at every run: give it a name", path, o.GetKind())
		}
		id := o.GroupVersionKind().Group + " " + apply.Describe(o)
		if other, twice := u.from[id]; twice {
			return exit.BadInputf("manifests-dir: %s is in %s and in %s: keep one of them, or name the one directory that is meant", apply.Describe(o), other, path)
		}
		u.from[id] = path
		u.objs = append(u.objs, o)
	}
	return nil
}

// withNamespaces adds the namespaces that the objects are in and nobody makes. One
// that is there already stays as it is, unless it was made here.
func withNamespaces(ctx context.Context, cfg *rest.Config, c catalog.Component, env engine.Env, objs []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes client: %w", err)
	}
	defined := map[string]bool{"": true}
	var used []string
	for _, o := range objs {
		if o.GroupVersionKind().GroupKind().String() == "Namespace" {
			defined[o.GetName()] = true
			if owner, err := holder(ctx, client, o.GetName(), env.Name); err != nil && !errors.Is(err, errAbsent) {
				return nil, err
			} else if owner != "" && owner != c.Name {
				return nil, exit.BadInputf("manifests-dir defines namespace %s, which is that of component %s: leave the Namespace object out, what is in it may stay", o.GetName(), owner)
			}
			continue
		}
		used = append(used, o.GetNamespace())
	}
	slices.Sort(used)
	for _, name := range slices.Compact(used) {
		if defined[name] {
			continue
		}
		owner, err := holder(ctx, client, name, env.Name)
		switch {
		case errors.Is(err, errAbsent):
		case err != nil:
			return nil, err
		case owner != c.Name:
			continue
		}
		objs = append(objs, &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}})
	}
	return objs, nil
}

var errAbsent = errors.New("is not there")

// holder is the component of the platform that made a namespace, "" if it was
// somebody else.
func holder(ctx context.Context, client kubernetes.Interface, name, platform string) (string, error) {
	n, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", errAbsent
	}
	if err != nil {
		return "", fmt.Errorf("look for namespace %s: %w", name, err)
	}
	return n.Labels[apply.HolderDomain+"/"+platform], nil
}
