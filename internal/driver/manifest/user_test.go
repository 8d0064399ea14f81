package manifest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// users is the component of a directory with these files (path: text).
func users(t *testing.T, files map[string]string) catalog.Component {
	t.Helper()
	root := t.TempDir()
	testkit.Write(t, root, files)
	return catalog.Component{Name: "user-manifests", Driver: "manifest", Namespace: "default", Settings: map[string]any{"root": root, "dir": filepath.Join(root, "m")}}
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: shop}\n"

func named(name string) string { return strings.ReplaceAll(configMap, "NAME", name) }

func TestUserObjects_PlainAndKustomized(t *testing.T) {
	c := users(t, map[string]string{
		"m/a.yaml":               named("a") + "---\n" + named("b"),
		"m/deep/er/c.yml":        named("c"),
		"m/d.json":               `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"template":{"spec":{"containers":[{"name":"x","image":"redis:7"}]}}}}`,
		"m/.hidden/x.yaml":       named("no"),
		"m/README.md":            "text",
		"m/k/kustomization.yaml": "resources: [e.yaml, ../../base]\nnamePrefix: k-\n",
		"m/k/e.yaml":             named("e"),
		"base/kustomization.yml": "resources: [f.yaml]\n",
		"base/f.yaml":            named("f"),
	})
	c, err := Driver{}.Describe(t.Context(), c, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	objs, err := userObjects(c)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range objs {
		names = append(names, apply.Describe(o))
	}
	if got := strings.Join(names, ", "); got != "configmap shop/a, configmap shop/b, deployment d, configmap shop/c, configmap shop/k-e, configmap shop/k-f" {
		t.Errorf("got %s", got)
	}
	if len(c.Images) != 1 || c.Images[0] != "redis:7" || len(c.Ready) != 1 || c.Ready[0].Object.Namespace != "default" {
		t.Errorf("asks for %v, waits for %+v", c.Images, c.Ready)
	}
}

func TestUserObjects_MistakesAreToldInOneSentence(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"empty", map[string]string{"m/x.txt": ""}, "manifests-dir m holds no Kubernetes object"},
		{"no object", map[string]string{"m/values.yaml": "a: b\n"}, "manifests-dir: m/values.yaml: document 1:"},
		{"twice", map[string]string{"m/a.yaml": named("a"), "m/b.yaml": named("a")}, "manifests-dir: configmap shop/a is in m/a.yaml and in m/b.yaml: keep one of them"},
		{"kustomization", map[string]string{"m/kustomization.yaml": "resources: [gone.yaml]\n"}, "manifests-dir: m does not render: "},
		{"remote", map[string]string{"m/kustomization.yaml": "resources: [https://example.org/x]\n"}, "manifests-dir: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Driver{}.Preflight(t.Context(), []catalog.Component{users(t, tt.files)}, engine.Env{})
			if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want bad input with %q", err, tt.want)
			}
		})
	}
}
