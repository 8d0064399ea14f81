package manifest

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.files.example.org}
spec:
  group: files.example.org
  scope: Namespaced
  names: {kind: Thing, plural: things, singular: thing}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`

// A directory of the user's against a real API server: an object of a kind that
// is defined beside it, a namespace that nobody made, and what leaves it again.
func TestBed_UsersDirectory(t *testing.T) {
	bed := plaintest.Start(t)
	client := bed.Clientset(t)
	c := users(t, map[string]string{
		"m/1-thing.yaml": "apiVersion: files.example.org/v1\nkind: Thing\nmetadata: {name: t, namespace: shop}\n",
		"m/9-crd.yaml":   crd,
		"m/a.yaml":       named("a") + "---\n" + named("b"),
	})
	root := c.Settings["root"].(string)
	env := engine.Env{Name: "files", Kubeconfig: bed.Kubeconfig, Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
	d := Driver{}
	apply := func(want engine.Outcome) {
		t.Helper()
		if got, err := d.Apply(t.Context(), c, env); err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	}
	configMaps := func() string {
		list, err := client.CoreV1().ConfigMaps("shop").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, cm := range list.Items {
			names = append(names, cm.Name)
		}
		return strings.Join(names, " ")
	}
	apply(engine.Created)
	apply(engine.Unchanged)
	if s, err := d.Status(t.Context(), c, env); s != "ready" {
		t.Errorf("status %q, %v", s, err)
	}
	testkit.Write(t, root, map[string]string{"m/a.yaml": named("a") + "---\n" + named("c")})
	apply(engine.Configured)
	if got := configMaps(); got != "a c kube-root-ca.crt" {
		t.Errorf("config maps %q: b has left the directory", got)
	}
	if err := os.RemoveAll(filepath.Join(root, "m")); err != nil { // a removal needs no files
		t.Fatal(err)
	}
	for _, want := range []engine.Outcome{engine.Removed, engine.Unchanged} {
		if got, err := d.Remove(t.Context(), c, env); err != nil || got != want {
			t.Fatalf("remove: %s, %v; want %s", got, err, want)
		}
	}
}

// A namespace of the platform keeps the labels that its component gave it.
func TestBed_NamespacesOfThePlatformStayAsTheyAre(t *testing.T) {
	bed := plaintest.Start(t)
	client := bed.Clientset(t)
	env := engine.Env{Name: "owners", Kubeconfig: bed.Kubeconfig, Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
	const theirs = "apiVersion: v1\nkind: Namespace\nmetadata: {name: watched, labels: {pod-security.kubernetes.io/enforce: baseline}}\n"
	platform := users(t, map[string]string{"m/ns.yaml": theirs})
	platform.Name = "namespaces"
	c := users(t, map[string]string{"m/a.yaml": strings.ReplaceAll(named("a"), "shop", "watched")})
	for _, comp := range []catalog.Component{platform, c} {
		if _, err := (Driver{}).Apply(t.Context(), comp, env); err != nil {
			t.Fatal(err)
		}
	}
	ns, err := client.CoreV1().Namespaces().Get(t.Context(), "watched", metav1.GetOptions{})
	if err != nil || ns.Labels["pod-security.kubernetes.io/enforce"] != "baseline" {
		t.Errorf("labels %v, %v", ns.Labels, err)
	}
	testkit.Write(t, c.Settings["root"].(string), map[string]string{"m/ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: watched}\n"})
	_, err = Driver{}.Apply(t.Context(), c, env)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "manifests-dir defines namespace watched, which is that of component namespaces") {
		t.Errorf("got %v", err)
	}
	for _, comp := range []catalog.Component{c, platform} {
		if _, err := (Driver{}).Remove(t.Context(), comp, env); err != nil {
			t.Error(err)
		}
	}
}

// A Secret of the user's gets the platform's credentials, and what reads it a new
// pod when they change.
func TestBed_UsersSecretGetsCredentials(t *testing.T) {
	bed := plaintest.Start(t)
	ns := bed.Namespace(t)
	client := bed.Clientset(t)
	c := users(t, map[string]string{
		"m/secret.yaml": strings.ReplaceAll(asking, "namespace: shop", "namespace: "+ns),
		"m/app.yaml": `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: reader, namespace: ` + ns + `}
spec:
  selector: {matchLabels: {app: reader}}
  template:
    metadata: {labels: {app: reader}}
    spec: {containers: [{name: main, image: "example.com/x:v1", env: [{name: URL, valueFrom: {secretKeyRef: {name: shop-db, key: url}}}]}]}
`,
	})
	d := Driver{}
	c, err := d.Describe(t.Context(), c, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	env := engine.Env{Name: "asking", Kubeconfig: bed.Kubeconfig, Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
	for _, step := range []struct {
		password string
		want     engine.Outcome
		url      string
	}{
		{"a/b", engine.Created, "redis://:a%2Fb@redis-external.platform:6379"},
		{"a/b", engine.Unchanged, "redis://:a%2Fb@redis-external.platform:6379"},
		{"new", engine.Configured, "redis://:new@redis-external.platform:6379"},
		{"new", engine.Unchanged, "redis://:new@redis-external.platform:6379"},
	} {
		env.Secrets = map[string]string{"redis-password": step.password, "shop-key": "k"}
		if got, err := d.Apply(t.Context(), c, env); err != nil || got != step.want {
			t.Fatalf("%s: got %s, %v; want %s", step.password, got, err, step.want)
		}
		secret, err := client.CoreV1().Secrets(ns).Get(t.Context(), "shop-db", metav1.GetOptions{})
		if err != nil || string(secret.Data["url"]) != step.url || string(secret.Data["key"]) != "k" || len(secret.Annotations) != 1 {
			t.Errorf("%s: the Secret has %v, %v", step.password, secret.Annotations, err)
		}
		set, err := client.AppsV1().StatefulSets(ns).Get(t.Context(), "reader", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if restarted := set.Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"] != ""; restarted != (step.password == "new") {
			t.Errorf("%s: restarted is %v", step.password, restarted)
		}
	}
	if got, err := d.Remove(t.Context(), c, env); err != nil || got != engine.Removed {
		t.Errorf("remove: %s, %v", got, err)
	}
}
