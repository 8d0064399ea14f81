package helm

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/sealed"
	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// sealingKey is a key as somebody keeps it for clusters to come.
func sealingKey(t *testing.T) sealed.Key {
	t.Helper()
	certificate, private := testkit.SealingKey(t)
	keys, err := sealed.Parse(slices.Concat(certificate, private))
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	return keys[0]
}

// printed is what a process has printed so far.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *printed) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *printed) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// What was sealed for a key that is given opens in a cluster that never saw it:
// with the catalog's own chart, rights included, and the real controller, which
// runs beside the cluster as its pod's service account.
func TestBed_SealedFilesOpenInAFreshCluster(t *testing.T) {
	controller, kubeseal := filepath.Join(plaintest.BinDir(), "sealed-secrets-controller"), filepath.Join(plaintest.BinDir(), "kubeseal")
	bed := plaintest.Start(t)
	for _, program := range []string{controller, kubeseal} {
		if _, err := os.Stat(program); err != nil {
			testkit.Missing(t, "%v: run `go run ./testbed up plain` first", err)
		}
	}
	client := bed.Clientset(t)
	ns, apps := bed.Namespace(t), bed.Namespace(t)

	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, ok := cat.Component(sealed.Component)
	if !ok {
		t.Fatal("the catalog has no component sealed-secrets")
	}
	c.Namespace = ns
	c.Ready = slices.DeleteFunc(slices.Clone(c.Ready), func(p catalog.Probe) bool { return p.HTTP != nil }) // a simulated pod answers nobody
	env := bedEnv(bed.Kubeconfig)
	env.Name, env.Secrets = "sealing", map[string]string{}
	hand := func(key sealed.Key) {
		env.Secrets[key.Name()] = key.PrivateKey
		c.Secrets = append(c.Secrets, key.Name())
		c.KubernetesSecrets = append(c.KubernetesSecrets, catalog.KubernetesSecret{
			Name: key.Name(), Type: "kubernetes.io/tls", Labels: map[string]string{sealed.Label: sealed.Active},
			Data: map[string]string{"tls.crt": key.Certificate, "tls.key": "${" + key.Name() + "}"},
		})
	}
	apply := func(want hyengine.Outcome) {
		t.Helper()
		if got, err := (Driver{}).Apply(t.Context(), c, env); err != nil || got != want {
			t.Fatalf("got %s, %v; want %s", got, err, want)
		}
	}
	one, two := sealingKey(t), sealingKey(t)
	hand(one)
	apply(hyengine.Created)
	t.Cleanup(func() {
		if _, err := (Driver{}).Remove(context.WithoutCancel(t.Context()), c, env); err != nil {
			t.Error(err)
		}
	})
	apply(hyengine.Unchanged)

	said := startController(t, controller, bed, client, ns)
	plaintest.Until(t, func(context.Context) error {
		if !strings.Contains(said.String(), "registered private key") {
			return fmt.Errorf("the controller has read no key:\n%s", said)
		}
		return nil
	})
	opens := func(key sealed.Key, name string) {
		t.Helper()
		bed.Apply(t, apps, testkit.Seal(t, kubeseal, key.Certificate, apps, name))
		plaintest.Until(t, func(ctx context.Context) error {
			secret, err := client.CoreV1().Secrets(apps).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return fmt.Errorf("%w; the controller says:\n%s", err, said)
			}
			if got := string(secret.Data["password"]); got != "of "+name {
				return fmt.Errorf("it holds %q", got)
			}
			return nil
		})
	}
	opens(one, "first")

	// A later run brings another key, and the controller takes it as it is.
	hand(two)
	apply(hyengine.Configured)
	plaintest.Until(t, func(context.Context) error {
		if !strings.Contains(said.String(), two.Name()) {
			return fmt.Errorf("the controller has not read the second key:\n%s", said)
		}
		return nil
	})
	opens(two, "second")

	keys, err := client.CoreV1().Secrets(ns).List(t.Context(), metav1.ListOptions{LabelSelector: sealed.Label})
	if err != nil || len(keys.Items) != 2 {
		t.Errorf("there are %d keys, want the two that were given: the controller makes one only where there is none (%v)", len(keys.Items), err)
	}
}

// startController runs the controller as the chart's service account, with the
// files that its pod would have.
func startController(t *testing.T, program string, bed *plaintest.Bed, client kubernetes.Interface, namespace string) *printed {
	t.Helper()
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "sealed-secrets-controller", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	account := t.TempDir()
	for name, text := range map[string][]byte{"token": []byte(token.Status.Token), "namespace": []byte(namespace), "ca.crt": bed.Config.CAData} {
		if err := os.WriteFile(filepath.Join(account, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server, err := url.Parse(bed.APIServer)
	if err != nil {
		t.Fatal(err)
	}
	said := &printed{}
	cmd := exec.Command(program, account)
	cmd.Env = []string{"KUBERNETES_SERVICE_HOST=" + server.Hostname(), "KUBERNETES_SERVICE_PORT=" + server.Port()}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return said
}
