package canarygate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientauthv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// account is the gate's own service account, whose token lies in a file.
type account struct {
	*shop
	uid        string
	kubeconfig string // reads the token's file
	command    string // a kubeconfig that runs a command for it
	token      string // path
	credential string // path of what the command prints
}

// account makes it, with the shipped Role and a token that ends.
func (s *shop) account(t *testing.T, life time.Duration) *account {
	t.Helper()
	s.shipped(t, "infra/apps/canary-gate.yaml")
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	user, err := client.CoreV1().ServiceAccounts(s.namespace).Get(t.Context(), "canary-gate", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a := &account{shop: s, uid: string(user.UID), token: filepath.Join(dir, "token"), credential: filepath.Join(dir, "credential")}
	a.kubeconfig = a.as(t, dir, "by-file", clientcmdapi.AuthInfo{TokenFile: a.token})
	a.command = a.as(t, dir, "by-command", clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: "cat", Args: []string{a.credential}, InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}})
	a.renew(t, life)
	return a
}

// as writes the bed's kubeconfig with another user.
func (a *account) as(t *testing.T, dir, name string, user clientcmdapi.AuthInfo) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(a.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &user
	}
	path := filepath.Join(dir, name)
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// renew writes another token where the file is read and where the command is run.
func (a *account) renew(t *testing.T, life time.Duration) {
	t.Helper()
	ends := metav1.NewTime(time.Now().Add(life))
	token, err := a.ServiceAccountToken(a.namespace, "canary-gate", a.uid, life)
	if err != nil {
		t.Fatal(err)
	}
	printed, err := json.Marshal(clientauthv1.ExecCredential{
		TypeMeta: metav1.TypeMeta{APIVersion: "client.authentication.k8s.io/v1", Kind: "ExecCredential"},
		Status:   &clientauthv1.ExecCredentialStatus{Token: token, ExpirationTimestamp: &ends},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string][]byte{a.token: []byte(token), a.credential: printed} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
