package setupplatform

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/driver/existing"
	"github.com/buenhyden/hy-home/internal/driver/helm"
	"github.com/buenhyden/hy-home/internal/driver/manifest"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/workspace"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

// workload is a Deployment and a ConfigMap, as a chart's template or as they are.
const workload = `apiVersion: v1
kind: ConfigMap
metadata: {name: NAME}
data: {level: LEVEL}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 1
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers: [{name: main, image: "example.com/NAME:v1", env: [{name: LEVEL, value: LEVEL}]}]
`

// inCluster is a component of the cluster that runs one workload in a namespace of
// its own.
func inCluster(name, driver, namespace string) catalog.Component {
	c := catalog.Component{
		Name: name, Tier: "cluster", Driver: driver, Namespace: namespace, Timeout: catalog.Duration(plaintest.Patience),
		Needs: []catalog.Need{{Name: "existing-cluster", Why: "it is in it"}},
		Ready: []catalog.Probe{{Object: &catalog.ObjectProbe{Kind: "Deployment", Name: name}}},
	}
	text := strings.ReplaceAll(workload, "NAME", name)
	if driver == "manifest" {
		c.Files = fstest.MapFS{"manifests/all.yaml": {Data: []byte(strings.ReplaceAll(text, "LEVEL", "low"))}}
		return c
	}
	c.Files = fstest.MapFS{
		"chart/Chart.yaml":         {Data: []byte("apiVersion: v2\nname: " + name + "\nversion: 1.0.0\n")},
		"chart/values.yaml":        {Data: []byte("level: low\nother: same\n")},
		"chart/templates/all.yaml": {Data: []byte(strings.ReplaceAll(strings.ReplaceAll(text, "name: LEVEL,", "name: L,"), "LEVEL", "{{ .Values.level }}"))},
		"values.yaml":              {Data: []byte("{}\n")},
	}
	return c
}

// kept are the kinds of what a component has in its namespace, its Helm releases
// (Secrets) included.
var kept = []schema.GroupVersionResource{
	{Version: "v1", Resource: "configmaps"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "pods"},
	{Group: "apps", Version: "v1", Resource: "deployments"}, {Group: "apps", Version: "v1", Resource: "replicasets"},
}

// snapshot is the version of each object of some namespaces, and of the inventories
// that a platform keeps of its components.
func snapshot(ctx context.Context, c dynamic.Interface, platform string, namespaces ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, ns := range append([]string{"kube-system"}, namespaces...) {
		for _, kind := range kept {
			list, err := c.Resource(kind).Namespace(ns).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, err
			}
			for _, o := range list.Items {
				if ns == "kube-system" && !strings.HasPrefix(o.GetName(), "hyaction."+platform+".") {
					continue
				}
				out[fmt.Sprintf("%s %s/%s", kind.Resource, ns, o.GetName())] = fmt.Sprintf("%s version %s generation %d", o.GetUID(), o.GetResourceVersion(), o.GetGeneration())
			}
		}
	}
	return out, nil
}

// complete reports what the controllers of the cluster have yet to say of what was
// made in a namespace: a Deployment's rollout is told as its last, and each namespace
// gets a ConfigMap.
func complete(ctx context.Context, c dynamic.Interface, namespace string) error {
	if _, err := c.Resource(kept[0]).Namespace(namespace).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{}); err != nil {
		return err
	}
	list, err := c.Resource(kept[3]).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, o := range list.Items {
		var d appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d); err != nil {
			return err
		}
		if d.Status.ObservedGeneration != d.Generation || !slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool { return c.Reason == "NewReplicaSetAvailable" }) {
			return fmt.Errorf("deployment %s/%s is not rolled out: %+v", namespace, d.Name, d.Status)
		}
	}
	return nil
}

// settled is a snapshot in which everything is complete, and that stays as it is for a
// second.
func settled(t *testing.T, c dynamic.Interface, platform string, namespaces ...string) map[string]string {
	t.Helper()
	var last map[string]string
	var since time.Time
	plaintest.Until(t, func(ctx context.Context) error {
		for _, ns := range namespaces {
			if err := complete(ctx, c, ns); err != nil {
				return err
			}
		}
		now, err := snapshot(ctx, c, platform, namespaces...)
		if err != nil {
			return err
		}
		if !maps.Equal(now, last) {
			last, since = now, time.Now()
		}
		if time.Since(since) < time.Second {
			return fmt.Errorf("the objects still change")
		}
		return nil
	})
	return last
}

// Changing one component's values touches that component alone: not one object of
// the others is written to.
func TestBed_ChangingOneValueTouchesThatComponentAlone(t *testing.T) {
	bed := plaintest.Start(t)
	ns := map[string]string{}
	for _, name := range []string{"alpha", "beta", "gamma"} {
		ns[name] = bed.Namespace(t)
	}
	cluster := component("existing-cluster", "existing")
	cluster.Tier, cluster.Provides, cluster.ForCluster, cluster.Timeout = "cluster", "cluster", "existing", catalog.Duration(plaintest.Patience)
	cluster.Settings = map[string]any{"kubeconfig": "", "context": ""}
	root := t.TempDir()
	o := Options{
		Profile: "all", Name: fmt.Sprintf("hyt-%d", os.Getpid()), StateDir: filepath.Join(t.TempDir(), "state"),
		Cluster: plan.Existing, ClusterKubeconfig: bed.Kubeconfig,
		Catalog: catalog.Catalog{
			Components: []catalog.Component{inCluster("alpha", "helm", ns["alpha"]), inCluster("beta", "helm", ns["beta"]), cluster, inCluster("gamma", "manifest", ns["gamma"])},
			Profiles:   []catalog.Profile{{Name: "all", Components: []string{"alpha", "beta", "existing-cluster", "gamma"}}},
		},
		Drivers:  map[string]engine.Driver{"helm": helm.Driver{}, "existing": existing.Driver{}, "manifest": manifest.Driver{}},
		Files:    workspace.Files{Root: root, ValuesDir: "values"},
		Mask:     func(string) {},
		Progress: func(string) {},
		Warn:     func(s string) { t.Log(s) },
		Machine:  func(context.Context) (plan.Machine, error) { return plan.Machine{}, nil },
		Log:      slog.New(slog.DiscardHandler),
	}
	write := func(level string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, "values"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "values", "beta.yaml"), []byte("level: "+level+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	outcomes := func() map[string]engine.Outcome {
		t.Helper()
		start := time.Now()
		res, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]engine.Outcome{}
		for _, s := range res.Steps {
			out[s.ID] = s.Outcome
		}
		t.Logf("%v in %s", out, time.Since(start).Round(time.Millisecond))
		return out
	}
	t.Cleanup(func() {
		if _, err := Down(context.WithoutCancel(t.Context()), o); err != nil {
			t.Error(err)
		}
	})
	client := bed.DynamicClient(t)

	write("middle")
	if out := outcomes(); out["alpha"] != engine.Created || out["beta"] != engine.Created || out["gamma"] != engine.Created {
		t.Fatalf("the first run: %v", out)
	}
	inventory := func(s map[string]string) { // beta's own may change
		maps.DeleteFunc(s, func(name, _ string) bool { return strings.HasSuffix(name, ".beta") })
	}
	before, own := settled(t, client, o.Name, ns["alpha"], ns["gamma"]), settled(t, client, o.Name, ns["beta"])
	inventory(before)
	write("high")
	want := map[string]engine.Outcome{"alpha": engine.Unchanged, "beta": engine.Configured, "gamma": engine.Unchanged}
	out := outcomes()
	cluster0 := out["existing-cluster"]
	delete(out, "existing-cluster")
	if !maps.Equal(out, want) || cluster0 != engine.Unchanged && cluster0 != engine.Checked {
		t.Errorf("the second run: %v and the cluster %s, want %v and nothing of the cluster", out, cluster0, want)
	}
	after := settled(t, client, o.Name, ns["alpha"], ns["gamma"])
	inventory(after)
	if len(before) < 8 {
		t.Errorf("only %d objects were looked at: %v", len(before), slices.Sorted(maps.Keys(before)))
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name] != before[name] {
			t.Errorf("%s was %s, and is %q now", name, before[name], after[name])
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
	// The same look sees what really changed.
	now := settled(t, client, o.Name, ns["beta"])
	for _, name := range []string{"configmaps " + ns["beta"] + "/beta", "deployments " + ns["beta"] + "/beta"} {
		if own[name] == "" || now[name] == own[name] {
			t.Errorf("%s did not change: %q", name, now[name])
		}
	}
	for id, out := range outcomes() {
		if out != engine.Unchanged && out != engine.Checked {
			t.Errorf("a run with nothing to do: %s is %s", id, out)
		}
	}
}
