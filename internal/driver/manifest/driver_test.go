package manifest

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

func testEnv(t *testing.T) engine.Env {
	return engine.Env{Name: "lab", Values: map[string]string{"infra-net-subnet": "172.19.0.0/16"}, Kubeconfig: filepath.Join(t.TempDir(), "none"),
		Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
}

func component(files map[string]string) catalog.Component {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return catalog.Component{Name: "web", Namespace: "shop", Files: fsys}
}

func TestObjects_OnlyTemplatesAreRendered(t *testing.T) {
	objs, err := Objects(component(map[string]string{
		"manifests/b.yaml.tmpl": `{apiVersion: v1, kind: ConfigMap, metadata: {name: "{{.Name}}"}, data: {ns: "{{.Namespace}}", cidr: "{{index .Values "infra-net-subnet"}}"}}`,
		"manifests/a.yaml":      `{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}, data: {text: "{{args.x}}"}}`,
		"manifests/readme.md":   "not YAML: [",
	}), testEnv(t))
	if err != nil || len(objs) != 2 {
		t.Fatalf("got %v, %v", objs, err)
	}
	data := func(i int, key string) any { return objs[i].Object["data"].(map[string]any)[key] }
	if data(0, "text") != "{{args.x}}" || data(1, "ns") != "shop" || data(1, "cidr") != "172.19.0.0/16" || objs[1].GetName() != "lab" {
		t.Errorf("got %v", objs)
	}
}

func TestObjects_FaultsNameTheFile(t *testing.T) {
	for _, tt := range []struct{ file, text, want string }{
		{"manifests/a.yaml.tmpl", "{{.Nmae}}", "component web: template: manifests/a.yaml.tmpl:1"},
		{"manifests/a.yaml.tmpl", "a: {{.Values.missing}}", "map has no entry for key"},
		{"manifests/a.yaml", "a: [", "component web: manifests/a.yaml: document 1"},
		{"manifests/a.txt", "", "there is no object in manifests/*.yaml"},
	} {
		_, err := Objects(component(map[string]string{tt.file: tt.text}), testEnv(t))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: got %v", tt.file, tt.text, err)
		}
	}
}

func TestRemove_WithoutAClusterIsUnchanged(t *testing.T) {
	got, err := Driver{}.Remove(context.Background(), component(nil), testEnv(t))
	if err != nil || got != engine.Unchanged {
		t.Errorf("got %s, %v", got, err)
	}
}

// Every namespace of a component is made, at a level that the component's pods keep.
func TestCatalog_NamespacesEnforceWhatComponentsClaim(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	namespaces, ok := cat.Component("namespaces")
	if !ok {
		t.Fatal("there is no component namespaces")
	}
	env := testEnv(t)
	env.Components = cat.Components
	objs, err := Objects(namespaces, env)
	if err != nil {
		t.Fatal(err)
	}
	level := map[string]string{}
	for _, o := range objs {
		level[o.GetName()] = o.GetLabels()["pod-security.kubernetes.io/enforce"]
	}
	for _, c := range cat.Components {
		widest := []string{"restricted", "baseline", "privileged"}
		if c.PodSecurity != "" && slices.Index(widest, level[c.Namespace]) < slices.Index(widest, c.PodSecurity) {
			t.Errorf("%s wants its namespace %s at %q, which has %q", c.Name, c.Namespace, c.PodSecurity, level[c.Namespace])
		}
		if c.Driver != "manifest" {
			continue
		}
		objs, err := Objects(c, env)
		if err != nil {
			t.Error(err)
		}
		for _, image := range c.Images {
			if !mentions(objs, image) {
				t.Errorf("%s lists image %s, which none of its manifests uses", c.Name, image)
			}
		}
	}
}

func mentions(objs []*unstructured.Unstructured, image string) bool {
	for _, o := range objs {
		text, err := o.MarshalJSON()
		if err == nil && strings.Contains(string(text), `"image":"`+image+`"`) {
			return true
		}
	}
	return false
}
