package canarygate

import (
	"os"
	"path/filepath"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// account is the gate's own service account, whose token lies in a file.
type account struct {
	client     kubernetes.Interface
	namespace  string
	kubeconfig string
	token      string // path
	bound      string // name of the Secret that the token ends with
}

// account makes it, with the shipped Role.
func (s *shop) account(t *testing.T) *account {
	t.Helper()
	s.shippedRole(t)
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a := &account{client: client, namespace: s.namespace, kubeconfig: filepath.Join(dir, "kubeconfig"), token: filepath.Join(dir, "token")}
	admin, err := clientcmd.LoadFromFile(s.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for name := range admin.AuthInfos {
		admin.AuthInfos[name] = &clientcmdapi.AuthInfo{TokenFile: a.token}
	}
	if err := clientcmd.WriteToFile(*admin, a.kubeconfig); err != nil {
		t.Fatal(err)
	}
	a.renew(t)
	return a
}

// renew writes another token. It ends with a Secret, since it cannot be told to
// expire before ten minutes.
func (a *account) renew(t *testing.T) {
	t.Helper()
	secret, err := a.client.CoreV1().Secrets(a.namespace).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: "token-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a.bound = secret.Name
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Secret", APIVersion: "v1", Name: secret.Name, UID: secret.UID},
	}}
	got, err := a.client.CoreV1().ServiceAccounts(a.namespace).CreateToken(t.Context(), "canary-gate", request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.token, []byte(got.Status.Token), 0o600); err != nil {
		t.Fatal(err)
	}
}

// revoke ends the token in use.
func (a *account) revoke(t *testing.T) {
	t.Helper()
	if err := a.client.CoreV1().Secrets(a.namespace).Delete(t.Context(), a.bound, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}
