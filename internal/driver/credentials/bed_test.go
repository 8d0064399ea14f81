package credentials

import (
	"log/slog"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

var component = catalog.Component{Name: "platform-credentials", Driver: "credentials", Tier: "cluster"}

func env(kubeconfig, name string, generated map[string]string) engine.Env {
	return engine.Env{Name: name, Kubeconfig: kubeconfig, Shared: true, Generated: generated, Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
}

func TestRemove_WithoutAClusterIsUnchanged(t *testing.T) {
	got, err := Driver{}.Remove(t.Context(), component, env(filepath.Join(t.TempDir(), "none"), "lab", nil))
	if err != nil || got != engine.Unchanged {
		t.Errorf("got %s, %v", got, err)
	}
}

// Two platforms in one cluster keep their own; each is found again, and goes.
func TestBed_KeepsWhatEachPlatformHasGenerated(t *testing.T) {
	bed := plaintest.Start(t)
	client := bed.Clientset(t)
	d := Driver{}
	apply := func(name string, generated map[string]string, want engine.Outcome) {
		t.Helper()
		if got, err := d.Apply(t.Context(), component, env(bed.Kubeconfig, name, generated)); err != nil || got != want {
			t.Fatalf("platform %s: got %s, %v; want %s", name, got, err, want)
		}
		recalled, err := credential.Recall(t.Context(), bed.Config, name)
		if err != nil || len(recalled) != len(generated) {
			t.Fatalf("platform %s finds %d, %v; want %d", name, len(recalled), err, len(generated))
		}
		for key, value := range generated {
			if recalled[key] != value {
				t.Errorf("platform %s finds another %s", name, key)
			}
		}
		if s, err := d.Status(t.Context(), component, env(bed.Kubeconfig, name, nil)); err != nil || s != "ready" {
			t.Errorf("status %q, %v", s, err)
		}
	}
	one, two := map[string]string{"redis-password": "a", "user-compose/DB password": "b"}, map[string]string{"redis-password": "c"}
	apply("keep-one", one, engine.Created)
	apply("keep-one", one, engine.Unchanged)
	apply("keep-two", two, engine.Created)
	one["new"] = "d"
	apply("keep-one", one, engine.Configured)
	apply("keep-none", nil, engine.Unchanged)

	if err := client.CoreV1().Secrets("kube-system").Delete(t.Context(), "hyaction.keep-two.credentials", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if s, _ := d.Status(t.Context(), component, env(bed.Kubeconfig, "keep-two", nil)); s != "Secret kube-system/hyaction.keep-two.credentials is missing" {
		t.Errorf("status %q", s)
	}
	apply("keep-two", two, engine.Created)

	for name, want := range map[string]engine.Outcome{"keep-one": engine.Removed, "keep-two": engine.Removed, "keep-none": engine.Unchanged} {
		for _, want := range []engine.Outcome{want, engine.Unchanged} {
			if got, err := d.Remove(t.Context(), component, env(bed.Kubeconfig, name, nil)); err != nil || got != want {
				t.Errorf("remove %s: got %s, %v; want %s", name, got, err, want)
			}
		}
		if recalled, err := credential.Recall(t.Context(), bed.Config, name); err != nil || recalled != nil {
			t.Errorf("%s is still there: %d, %v", name, len(recalled), err)
		}
		if _, err := client.CoreV1().ConfigMaps("kube-system").Get(t.Context(), "hyaction."+name+".platform-credentials", metav1.GetOptions{}); err == nil {
			t.Errorf("the inventory of %s is left", name)
		}
	}
}
