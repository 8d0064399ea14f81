package sealed

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

// pair makes a certificate and its key in PEM.
func pair(t *testing.T, name string, private crypto.Signer) (certificate, key string) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(4e9, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	if rsaKey, ok := private.(*rsa.PrivateKey); ok && name == "pkcs1" {
		return encode("CERTIFICATE", der), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", text)
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func secret(name, state, certificate, key string) string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("- {apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: kube-system, labels: {%s: %s}}, type: kubernetes.io/tls, data: {tls.crt: %s, tls.key: %s}}\n",
		name, Label, state, b64([]byte(certificate)), b64([]byte(key)))
}

const list = "apiVersion: v1\nkind: List\nitems:\n"

func TestParse(t *testing.T) {
	certA, keyA := pair(t, "pkcs1", rsaKey(t))
	certB, keyB := pair(t, "pkcs8", rsaKey(t))
	certC, keyC := pair(t, "ec", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
	one := strings.TrimPrefix(secret("k", "active", certA, keyA), "- ")
	legacy := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	for _, tt := range []struct {
		name, text string
		keys       int
		want       string
	}{
		{"list", list + secret("a", "active", certA, keyA) + secret("b", "active", certB, keyB), 2, ""},
		{"one", one, 1, ""},
		{"documents", one + "---\n" + strings.TrimPrefix(secret("b", "active", certB, keyB), "- "), 2, ""},
		{"stringData", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  tls.crt: |\n" + indent(certA) + "  tls.key: |\n" + indent(keyA), 1, ""},
		{"PEM", certA + keyA, 1, ""},
		{"PEM, two in any order", keyA + certB + certA + keyB, 2, ""},
		{"the same twice", list + secret("a", "active", certA, keyA) + secret("b", "active", certA, keyA), 1, ""},
		{"a compromised one beside", list + secret("a", "active", certA, keyA) + secret("b", "compromised", certB, keyB), 1, ""},
		{"compromised", list + secret("b", "compromised", certB, keyB), 0, "it holds no active key"},
		{"mixed up", list + secret("a", "active", certA, keyB), 0, "secret kube-system/a: certificate and private key do not belong together"},
		{"mixed up PEM", certA + keyB, 0, "private key 1 belongs to none of the certificates"},
		{"elliptic", list + secret("a", "active", certC, keyC), 0, "secret kube-system/a: the private key is no RSA key"},
		{"elliptic PEM", certC + keyC, 0, "private key 1: the private key is no RSA key"},
		{"encrypted", certA + legacy, 0, "encrypted with a passphrase"},
		{"no key", certA, 0, "it holds 1 certificates and 0 private keys"},
		{"half a Secret", "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {tls.crt: eA==}}", 0, "secret a has no tls.crt or no tls.key"},
		{"no certificate", list + secret("a", "active", "hunter2", keyA), 0, "tls.crt is no certificate in PEM"},
		{"no PEM key", list + secret("a", "active", certA, "hunter2"), 0, "tls.key is no private key in PEM"},
		{"another kind", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", 0, "configmap a is no Secret"},
		{"broken YAML", "kind: [hunter2", 0, "it is neither valid YAML nor PEM"},
		{"anything", "hunter2", 0, "it holds no active key"},
		{"empty", "", 0, "it holds no active key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := Parse([]byte(tt.text))
			if len(keys) != tt.keys || tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %d keys, %v; want %d, %q", len(keys), err, tt.keys, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the error quotes the file or is no sentence: %v", err)
			}
			for _, k := range keys {
				if k.Certificate == certA && k.PrivateKey != keyA || k.Certificate == certB && k.PrivateKey != keyB {
					t.Error("the text of a key is not as it was given")
				}
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}
