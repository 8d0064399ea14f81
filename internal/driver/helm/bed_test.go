package helm

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"helm.sh/helm/v3/pkg/release"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// Set, the test binary is the process that is killed in the middle of an install.
const installs = "HY_TEST_HELM_INSTALLS"

func TestMain(m *testing.M) {
	if kubeconfig, namespace, ok := strings.Cut(os.Getenv(installs), "|"); ok {
		env := bedEnv(kubeconfig)
		env.Progress = func(text string) { fmt.Println(text) }
		_, err := Driver{}.Apply(context.Background(), hooked(namespace, true), env)
		fmt.Println("ended:", err) // which it must not
		os.Exit(1)
	}
	plaintest.Main(m)
}

func bedEnv(kubeconfig string) hyengine.Env {
	return hyengine.Env{Name: "lab", Kubeconfig: kubeconfig, Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
}

// hooked is a chart with a hook that runs before it is installed, and hangs if
// it is told to.
func hooked(namespace string, hangs bool) catalog.Component {
	annotation := "{}"
	if hangs {
		annotation = "{testbed/waiting: ContainerCreating}"
	}
	return catalog.Component{Name: "web", Namespace: namespace, Files: fstest.MapFS{
		"chart/Chart.yaml":         {Data: []byte("apiVersion: v2\nname: web\nversion: 1.2.3\n")},
		"chart/templates/map.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: b}\n")},
		"chart/templates/job.yaml": {Data: []byte(`apiVersion: batch/v1
kind: Job
metadata: {name: before, annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}}
spec:
  template:
    metadata: {annotations: ` + annotation + `}
    spec: {restartPolicy: Never, containers: [{name: main, image: "example.com/x:v1"}]}
`)},
		"values.yaml": {Data: []byte("{}\n")},
	}, Ready: []catalog.Probe{{Object: &catalog.ObjectProbe{Kind: "ConfigMap", Name: "web"}}}}
}

// A run that is killed in the middle leaves the release "pending-install", which
// Helm takes for the lock of another process: "another operation is in progress",
// for ever (helm#8987). The next run takes it over.
func TestBed_KilledInTheMiddleOfAnInstall(t *testing.T) {
	bed := plaintest.Start(t)
	ns := bed.Namespace(t)
	client := bed.Clientset(t)
	status := func(ctx context.Context) (string, error) {
		list, err := client.CoreV1().Secrets(ns).List(ctx, metav1.ListOptions{LabelSelector: "owner=helm,name=web"})
		if err != nil || len(list.Items) == 0 {
			return "", err
		}
		return list.Items[len(list.Items)-1].Labels["status"], nil
	}

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	first := exec.CommandContext(t.Context(), self)
	first.Env = append(os.Environ(), installs+"="+bed.Kubeconfig+"|"+ns)
	out, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			if strings.HasPrefix(s.Text(), "ended:") {
				t.Errorf("the first run came to an end: %s", s.Text())
			}
		}
	}()
	plaintest.Until(t, func(ctx context.Context) error {
		jobs, err := client.BatchV1().Jobs(ns).List(ctx, metav1.ListOptions{})
		if err == nil && len(jobs.Items) == 0 {
			err = fmt.Errorf("the hook has not begun")
		}
		return err
	})
	_ = first.Process.Kill()
	_ = first.Wait() // it was killed
	if got, err := status(t.Context()); err != nil || got != release.StatusPendingInstall.String() {
		t.Fatalf("the killed run left the release %q (%v), want it pending", got, err)
	}

	start := time.Now()
	outcome, err := Driver{}.Apply(t.Context(), hooked(ns, false), bedEnv(bed.Kubeconfig))
	if err != nil || outcome != hyengine.Configured {
		t.Fatalf("got %s, %v", outcome, err)
	}
	t.Logf("taken over in %.1f s", time.Since(start).Seconds())
	if _, err := client.CoreV1().ConfigMaps(ns).Get(t.Context(), "web", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if outcome, err := (Driver{}).Apply(t.Context(), hooked(ns, false), bedEnv(bed.Kubeconfig)); err != nil || outcome != hyengine.Unchanged {
		t.Errorf("again: %s, %v", outcome, err)
	}
}
