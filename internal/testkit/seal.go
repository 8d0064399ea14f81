package testkit

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SealingKey is a key of Sealed Secrets as somebody keeps it for clusters to come:
// its certificate and its private half, each in PEM.
func SealingKey(t *testing.T) (certificate, private []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "sealed-secret"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// Seal does what a user does with the certificate alone: the secret name, whose
// password is "of name", as a file for Git.
func Seal(t *testing.T, kubeseal, certificate, namespace, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tls.crt")
	if err := os.WriteFile(file, []byte(certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), kubeseal, "--cert", file, "--format", "yaml")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\nstringData: {password: of %s}\n", name, namespace, name))
	cmd.Env = []string{"HOME=" + t.TempDir()}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubeseal: %v\n%s", err, stderr.String())
	}
	if strings.Contains(string(out), "of "+name) || !strings.Contains(string(out), "kind: SealedSecret") {
		t.Fatalf("kubeseal has not sealed it:\n%s", out)
	}
	return string(out)
}
