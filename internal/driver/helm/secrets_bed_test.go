package helm

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

const widgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.NS.example.org}
spec:
  group: NS.example.org
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`

// grafana is a chart that wants the Secret of its administrator to be there, and
// brings a definition.
func grafana(namespace string) catalog.Component {
	return catalog.Component{Name: "grafana", Namespace: namespace, Tier: "cluster", Secrets: []string{"grafana-password"},
		KubernetesSecrets: []catalog.KubernetesSecret{{Name: "grafana-admin", Data: map[string]string{
			"admin-user": "admin", "admin-password": "${grafana-password}", "url": "http://admin:${grafana-password:url}@grafana",
		}}},
		Files: fstest.MapFS{
			"chart/Chart.yaml":       {Data: []byte("apiVersion: v2\nname: grafana\nversion: 1.2.3\n")},
			"chart/crds/widget.yaml": {Data: []byte(strings.ReplaceAll(widgets, "NS", namespace))},
			"chart/templates/deployment.yaml": {Data: []byte(`apiVersion: apps/v1
kind: Deployment
metadata: {name: grafana}
spec:
  selector: {matchLabels: {app: grafana}}
  template:
    metadata: {labels: {app: grafana}}
    spec:
      containers:
      - {name: grafana, image: "example.com/grafana:v1", envFrom: [{secretRef: {name: {{ .Values.admin.existingSecret }}}}]}
`)},
			"values.yaml": {Data: []byte("admin: {existingSecret: grafana-admin}\n")},
		},
		Ready: []catalog.Probe{{Object: &catalog.ObjectProbe{Kind: "Deployment", Name: "grafana"}}}}
}

func TestBed_SecretsAreThereBeforeTheChartAndNowhereElse(t *testing.T) {
	bed := plaintest.Start(t)
	ns := bed.Namespace(t)
	client := bed.Clientset(t)
	env := bedEnv(bed.Kubeconfig)
	env.Name = "credits"
	apply := func(c catalog.Component, password string, want hyengine.Outcome) {
		t.Helper()
		env.Secrets = map[string]string{"grafana-password": password}
		if got, err := (Driver{}).Apply(t.Context(), c, env); err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	}
	pod := func() string {
		list, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: "app=grafana"})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list.Items {
			if p.DeletionTimestamp == nil {
				return p.Name
			}
		}
		return ""
	}
	apply(grafana(ns), "correct horse", hyengine.Created)
	first := pod()
	apply(grafana(ns), "correct horse", hyengine.Unchanged)
	secret, err := client.CoreV1().Secrets(ns).Get(t.Context(), "grafana-admin", metav1.GetOptions{})
	if err != nil || string(secret.Data["admin-password"]) != "correct horse" || string(secret.Data["url"]) != "http://admin:correct%20horse@grafana" {
		t.Fatalf("the Secret is not as asked for: %v", err)
	}
	if pod() != first {
		t.Error("the pod was replaced although nothing had changed")
	}

	// The new password reaches the pods, by a new one of them.
	apply(grafana(ns), "battery", hyengine.Configured)
	plaintest.Until(t, func(context.Context) error {
		if now := pod(); now == "" || now == first {
			return fmt.Errorf("the pod is still %q", now)
		}
		return nil
	})
	apply(grafana(ns), "battery", hyengine.Unchanged)
	leaks(t, client, ns, "credits", "correct horse", "battery", "correct%20horse")

	// Another platform that wants other credentials there is told so.
	other := env
	other.Name, other.Shared, other.Secrets = "debits", true, map[string]string{"grafana-password": "staple"}
	if _, err := (Driver{}).Apply(t.Context(), grafana(ns), other); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "secret "+ns+"/grafana-admin belongs to platform credits as well") {
		t.Errorf("got %v", err)
	}
	if s, err := (Driver{}).Status(t.Context(), grafana(ns), env); err != nil || s != "ready" {
		t.Errorf("status %q, %v", s, err)
	}

	// A Secret that the component no longer asks for goes, and so does all at the end.
	without := grafana(ns)
	without.KubernetesSecrets = nil
	apply(without, "battery", hyengine.Configured)
	if _, err := client.CoreV1().Secrets(ns).Get(t.Context(), "grafana-admin", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the Secret that left the component: %v", err)
	}
	apply(grafana(ns), "battery", hyengine.Configured)
	for _, want := range []hyengine.Outcome{hyengine.Removed, hyengine.Unchanged} {
		if got, err := (Driver{}).Remove(t.Context(), grafana(ns), env); err != nil || got != want {
			t.Errorf("remove: got %s, %v; want %s", got, err, want)
		}
	}
	if _, err := client.CoreV1().Secrets(ns).Get(t.Context(), "grafana-admin", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("after the removal: %v", err)
	}
	plaintest.Until(t, func(ctx context.Context) error { // it goes after its objects
		_, err := client.RESTClient().Get().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets." + ns + ".example.org").DoRaw(ctx)
		switch {
		case err == nil:
			return errors.New("the chart's definition is left")
		case !apierrors.IsNotFound(err):
			return err
		}
		return nil
	})
}

// leaks looks for values where they must not be: in the releases that Helm keeps,
// in labels, and in the inventory, in plain or base64.
func leaks(t *testing.T, client kubernetes.Interface, namespace, platform string, values ...string) {
	t.Helper()
	places := map[string]string{}
	releases, err := client.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "owner=helm"})
	if err != nil || len(releases.Items) == 0 {
		t.Fatalf("there are %d releases, %v", len(releases.Items), err)
	}
	for _, r := range releases.Items {
		packed, err := base64.StdEncoding.DecodeString(string(r.Data["release"]))
		if err != nil {
			t.Fatal(err)
		}
		unpack, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(unpack)
		if err != nil || !bytes.Contains(text, []byte("grafana-admin")) {
			t.Fatalf("release %s is not what it should be (%v)", r.Name, err)
		}
		places["release "+r.Name] = string(text) + fmt.Sprint(r.Labels, r.Annotations)
	}
	notes, err := client.CoreV1().ConfigMaps("kube-system").List(t.Context(), metav1.ListOptions{LabelSelector: "hyaction.buenhyden.github.io/" + platform})
	if err != nil || len(notes.Items) == 0 {
		t.Fatalf("there are %d inventories, %v", len(notes.Items), err)
	}
	for _, n := range notes.Items {
		places["inventory "+n.Name] = fmt.Sprint(n.Data)
	}
	for place, text := range places {
		for _, value := range values {
			if strings.Contains(text, value) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(value))) {
				t.Errorf("%s shows a credential", place)
			}
		}
	}
}
