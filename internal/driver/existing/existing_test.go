package existing

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

func TestMain(m *testing.M) { plaintest.Main(m) }

func component(kubeconfig, name string) catalog.Component {
	return catalog.Component{Name: "existing-cluster", Settings: map[string]any{"kubeconfig": kubeconfig, "context": name}}
}

func env(t *testing.T) engine.Env {
	return engine.Env{
		Name: "guest", Kubeconfig: filepath.Join(t.TempDir(), "state", "kubeconfig"),
		Progress: func(string) {}, Log: slog.New(slog.DiscardHandler),
	}
}

// theirs is a user's kubeconfig: the bed's cluster as its administrator, as
// somebody without rights, and a cluster that does not answer.
func theirs(t *testing.T, bed *plaintest.Bed) string {
	t.Helper()
	namespace := bed.Namespace(t)
	bed.Apply(t, namespace, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody}}")
	client, err := kubernetes.NewForConfig(bed.Config)
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "nobody", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := clientcmd.LoadFromFile(bed.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	admin := cfg.Contexts[cfg.CurrentContext]
	cfg.Contexts["admin"] = admin
	cfg.AuthInfos["nobody"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	cfg.Contexts["nobody"] = &clientcmdapi.Context{Cluster: admin.Cluster, AuthInfo: "nobody"}
	cfg.Clusters["silent"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
	cfg.Contexts["silent"] = &clientcmdapi.Context{Cluster: "silent", AuthInfo: admin.AuthInfo}
	cfg.CurrentContext = "silent"
	file := filepath.Join(t.TempDir(), "config")
	if err := clientcmd.WriteToFile(*cfg, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestApply_TakesTheOneContextAndChangesNothing(t *testing.T) {
	bed := plaintest.Start(t)
	c, e, ctx := component(theirs(t, bed), "admin"), env(t), context.Background()
	if err := (Driver{}).Preflight(ctx, []catalog.Component{c}, e); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(e.Kubeconfig); err == nil {
		t.Error("the preflight wrote the kubeconfig")
	}
	for _, want := range []engine.Outcome{engine.Created, engine.Unchanged} {
		if got, err := (Driver{}).Apply(ctx, c, e); err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	}
	cfg, err := clientcmd.LoadFromFile(e.Kubeconfig)
	if err != nil || len(cfg.Contexts) != 1 || cfg.CurrentContext != "admin" {
		t.Errorf("the platform's kubeconfig has contexts %v, %v", contexts(cfg), err)
	}
	if info, err := os.Stat(e.Kubeconfig); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := apply.Load(e.Kubeconfig); err != nil {
		t.Error(err)
	}
	if got, err := (Driver{}).Status(ctx, c, e); got != "ready" || err != nil {
		t.Errorf("status %q, %v", got, err)
	}
	for _, want := range []engine.Outcome{engine.Removed, engine.Unchanged} {
		if got, err := (Driver{}).Remove(ctx, c, e); err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

func TestPreflight_RefusesInOneSentence(t *testing.T) {
	bed := plaintest.Start(t)
	file := theirs(t, bed)
	for _, tt := range []struct {
		kubeconfig, context, want string
		code                      int
	}{
		{"", "", "cluster: existing needs cluster-kubeconfig", exit.BadInput},
		{filepath.Join(t.TempDir(), "none"), "", "cannot be read", exit.BadInput},
		{file, "elsewhere", `has no context "elsewhere": cluster-context must be one of `, exit.BadInput},
		{file, "nobody", "may not do everything in the cluster", exit.BadInput},
		{file, "", "the cluster at https://127.0.0.1:1 does not answer", exit.Failed},
	} {
		err := Driver{}.Preflight(t.Context(), []catalog.Component{component(tt.kubeconfig, tt.context)}, env(t))
		if err == nil || !strings.Contains(err.Error(), tt.want) || exit.Code(err) != tt.code {
			t.Errorf("%q: got exit code %d, %v; want %q", tt.context, exit.Code(err), err, tt.want)
		}
	}
}

// What a platform has generated is read through the user's kubeconfig, before the
// state directory has one.
func TestBed_Recall(t *testing.T) {
	bed := plaintest.Start(t)
	kubeconfig := theirs(t, bed)
	e := env(t)
	recall := func(context string) (map[string]string, error) {
		return Driver{}.Recall(t.Context(), component(kubeconfig, context), e)
	}
	if got, err := recall("admin"); err != nil || got != nil {
		t.Errorf("of a cluster without any: %d, %v", len(got), err)
	}
	store := credential.Store(e.Name, map[string]string{"redis-password": "a"})
	client, err := apply.New(bed.Config, apply.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Apply(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		secrets := kubernetes.NewForConfigOrDie(bed.Config).CoreV1().Secrets(store[0].GetNamespace())
		if err := secrets.Delete(context.WithoutCancel(t.Context()), store[0].GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	if got, err := recall("admin"); err != nil || len(got) != 1 || got["redis-password"] != "a" {
		t.Errorf("got %d, %v", len(got), err)
	}
	for _, name := range []string{"nobody", "silent"} {
		if got, err := recall(name); err == nil || got != nil || !strings.Contains(err.Error(), "look for the platform's credentials in the cluster") {
			t.Errorf("%s: got %d, %v", name, len(got), err)
		}
	}
}
