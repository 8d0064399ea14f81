// Package sealed reads the keys of Sealed Secrets that somebody kept, so that what
// was sealed for them opens in a fresh cluster.
//
// Values never appear in an error; where they are in the file does.
package sealed

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/buenhyden/hy-home/internal/apply"
)

// Label is how the controller finds its keys as it starts; "active" are those
// that it uses.
const (
	Label  = "sealedsecrets.bitnami.com/sealed-secrets-key"
	Active = "active"
)

// Component is the component of the catalog that the controller is.
const Component = "sealed-secrets"

// Key is a certificate that secrets are sealed with, and what opens them.
type Key struct {
	Certificate string // PEM, as it was given
	PrivateKey  string // PEM, as it was given
}

// Name is the same for the same key: on whichever machine and in whichever file.
func (k Key) Name() string {
	sum := sha256.Sum256([]byte(k.Certificate))
	return "sealed-secrets-key-" + hex.EncodeToString(sum[:])[:10]
}

// Parse reads keys from what `kubectl get secret -l
// sealedsecrets.bitnami.com/sealed-secrets-key -o yaml` prints (a Secret, a list
// of them, or several documents; YAML or JSON), or from PEM blocks: a certificate
// and an RSA key for each. Keys that are labelled as anything but active, such as
// compromised, are left out, as the controller does.
func Parse(text []byte) ([]Key, error) {
	var keys []Key
	var err error
	if bytes.Contains(text, []byte("kind:")) || bytes.Contains(text, []byte(`"kind"`)) {
		keys, err = fromSecrets(text)
	} else {
		keys, err = fromPEM(text)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.Name(), b.Name()) })
	keys = slices.CompactFunc(keys, func(a, b Key) bool { return a.Name() == b.Name() })
	if len(keys) == 0 {
		return nil, errors.New("it holds no active key: neither a Secret with tls.crt and tls.key nor a certificate and an RSA key in PEM")
	}
	return keys, nil
}

func fromSecrets(text []byte) ([]Key, error) {
	objs, err := apply.Decode(bytes.NewReader(text), "it")
	if err != nil {
		// The decoder's own error would quote the file.
		return nil, errors.New("it is neither valid YAML nor PEM")
	}
	var keys []Key
	for _, obj := range objs {
		if obj.GroupVersionKind().GroupKind().String() != "Secret" {
			return nil, fmt.Errorf("%s is no Secret", apply.Describe(obj))
		}
		if state, labelled := obj.GetLabels()[Label]; labelled && state != Active {
			continue
		}
		k := Key{Certificate: part(obj, "tls.crt"), PrivateKey: part(obj, "tls.key")}
		if k.Certificate == "" || k.PrivateKey == "" {
			return nil, fmt.Errorf("%s has no tls.crt or no tls.key", apply.Describe(obj))
		}
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", apply.Describe(obj), err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func part(obj *unstructured.Unstructured, key string) string {
	if plain, ok, _ := unstructured.NestedString(obj.Object, "stringData", key); ok {
		return plain
	}
	encoded, _, _ := unstructured.NestedString(obj.Object, "data", key)
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	return string(text)
}

// fromPEM puts each certificate to the key that belongs to it.
func fromPEM(text []byte) ([]Key, error) {
	var certificates, private []*pem.Block
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			certificates = append(certificates, block)
		} else {
			private = append(private, block)
		}
	}
	if len(certificates) != len(private) {
		return nil, fmt.Errorf("it holds %d certificates and %d private keys, want one for each", len(certificates), len(private))
	}
	var keys []Key
	for n, block := range private {
		k := Key{PrivateKey: string(pem.EncodeToMemory(block))}
		if _, err := k.private(); err != nil {
			return nil, fmt.Errorf("private key %d: %w", n+1, err)
		}
		i := slices.IndexFunc(certificates, func(c *pem.Block) bool {
			k.Certificate = string(pem.EncodeToMemory(c))
			return k.check() == nil
		})
		if i < 0 {
			return nil, fmt.Errorf("private key %d belongs to none of the certificates", n+1)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// check makes sure that the controller can use the key: it ends with a panic for
// one that it cannot read.
func (k Key) check() error {
	private, err := k.private()
	if err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(k.Certificate))
	if block == nil || block.Type != "CERTIFICATE" {
		return errors.New("tls.crt is no certificate in PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return errors.New("tls.crt is no valid certificate")
	}
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(certificate.PublicKey) {
		return errors.New("certificate and private key do not belong together")
	}
	return nil
}

func (k Key) private() (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(k.PrivateKey))
	if block == nil {
		return nil, errors.New("tls.key is no private key in PEM")
	}
	if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("the private key is encrypted with a passphrase: give it decrypted")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := parsed.(*rsa.PrivateKey); err == nil && ok {
		return key, nil
	}
	return nil, errors.New("the private key is no RSA key, the only kind that Sealed Secrets knows")
}
