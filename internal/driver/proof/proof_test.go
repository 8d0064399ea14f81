package proof

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

const password = "hunter2-hunter2"

func example() (catalog.Component, engine.Env) {
	c := catalog.Component{
		Name: "redis-proof", Namespace: "platform", Images: []string{"docker.io/library/redis:7.0.15"},
		Settings: map[string]any{"script": "proof.sh", "env": map[string]any{"NODE": "redis-node-3"}, "env-secrets": map[string]any{"REDISCLI_AUTH": "redis-password"}},
		Files:    fstest.MapFS{"proof.sh": {Data: []byte("echo OK")}},
	}
	return c, engine.Env{Name: "lab", Secrets: map[string]string{"redis-password": password}, Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
}

// ending makes every pod that is created end in the phase.
func ending(phase corev1.PodPhase) *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		p := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
		p.Status.Phase = phase
		return false, nil, nil
	})
	return client
}

func left(t *testing.T, client *fake.Clientset) int {
	t.Helper()
	pods, err := client.CoreV1().Pods("platform").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := client.CoreV1().Secrets("platform").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(pods.Items) + len(secrets.Items)
}

func TestExecute_AnswersAndLeavesNothing(t *testing.T) {
	c, env := example()
	r, err := prepare(c, env, "abcd1234")
	if err != nil {
		t.Fatal(err)
	}
	client := ending(corev1.PodSucceeded)
	answer, err := r.execute(context.Background(), client, env.Progress)
	if err != nil || answer != "fake logs" { // what the fake clientset answers
		t.Errorf("got %q, %v", answer, err)
	}
	if n := left(t, client); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

func TestExecute_FailureTellsTheLastLineAndCleansUp(t *testing.T) {
	c, env := example()
	r, _ := prepare(c, env, "abcd1234")
	client := ending(corev1.PodFailed)
	_, err := r.execute(context.Background(), client, env.Progress)
	if err == nil || err.Error() != "the proof does not hold: fake logs" {
		t.Errorf("got %v", err)
	}
	if n := left(t, client); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

func TestExecute_CancelledCleansUpAsWell(t *testing.T) {
	c, env := example()
	r, _ := prepare(c, env, "abcd1234")
	client := ending(corev1.PodPending)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.execute(ctx, client, env.Progress); err == nil || !strings.Contains(err.Error(), "phase Pending") {
		t.Errorf("got %v", err)
	}
	if n := left(t, client); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

func TestPod_HoldsNoSecretAndKeepsRestricted(t *testing.T) {
	c, env := example()
	r, _ := prepare(c, env, "abcd1234")
	pod := r.pod()
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), password) {
		t.Error("the password stands in the pod")
	}
	s := pod.Spec.Containers[0].SecurityContext
	p := pod.Spec.SecurityContext
	if *s.AllowPrivilegeEscalation || s.Capabilities.Drop[0] != "ALL" || !*p.RunAsNonRoot || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("security contexts %v, %v", p, s)
	}
	if got := pod.Spec.Containers[0].Env[2].ValueFrom.SecretKeyRef; got.Name != r.name || got.Key != "REDISCLI_AUTH" {
		t.Errorf("REDISCLI_AUTH comes from %v", got)
	}
}

func TestPrepare_BadInput(t *testing.T) {
	for name, change := range map[string]func(*catalog.Component, *engine.Env){
		`asks for "redis-password"`:            func(_ *catalog.Component, e *engine.Env) { e.Secrets = nil },
		`settings.script is "other.sh"`:        func(c *catalog.Component, _ *engine.Env) { c.Settings["script"] = "other.sh" },
		"needs a namespace and exactly one im": func(c *catalog.Component, _ *engine.Env) { c.Images = nil },
	} {
		c, env := example()
		change(&c, &env)
		_, err := prepare(c, env, "x")
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The script of the catalog runs here against a stand-in for redis-cli.
func TestRedisScript(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	script, err := os.ReadFile("../../catalog/components/redis-proof/proof.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, set, get string
		ok             bool
		want           string
	}{
		{"holds", "OK", "abcd1234", true, "SET and GET through redis-node-3 in "},
		{"wrong password", "AUTH failed: WRONGPASS *\nNOAUTH Authentication required.", "", false, "SET through redis-node-3: AUTH failed: WRONGPASS * NOAUTH Authentication required."},
		{"another value", "OK", "zzz", false, "GET through redis-node-3: want abcd1234, got: zzz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bin := t.TempDir()
			standIn := "#!" + sh + "\ncase \"$4\" in SET) echo \"$SET_ANSWER\";; GET) echo \"$GET_ANSWER\";; esac\n"
			if err := os.WriteFile(filepath.Join(bin, "redis-cli"), []byte(standIn), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(sh, "-euc", string(script))
			cmd.Env = []string{"PATH=" + bin, "PROOF_ID=abcd1234", "NODE=redis-node-3", "SET_ANSWER=" + tt.set, "GET_ANSWER=" + tt.get}
			out, err := cmd.CombinedOutput()
			if (err == nil) != tt.ok || !strings.Contains(string(out), tt.want) {
				t.Errorf("got %q, %v", out, err)
			}
		})
	}
}
