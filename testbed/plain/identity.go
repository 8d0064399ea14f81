package plain

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Files of a bed that say who is who.
const (
	certFile           = "apiserver.crt"
	keyFile            = "apiserver.key"
	serviceAccountFile = "service-accounts.key"
	tokensFile         = "tokens.csv"
)

const serviceAccountIssuer = "https://kubernetes.default.svc"

// writeIdentity makes the API server's certificate, the key that signs service
// account tokens, and the kubeconfig of the one user, all new for each bed.
func writeIdentity(dir, apiServer string) error {
	cert, key, err := newCertificate()
	if err != nil {
		return fmt.Errorf("certificate of the API server: %w", err)
	}
	accounts, err := newKey()
	if err != nil {
		return fmt.Errorf("key of the service accounts: %w", err)
	}
	token := rand.Text()
	for name, data := range map[string][]byte{
		certFile:           cert,
		keyFile:            key,
		serviceAccountFile: accounts,
		tokensFile:         []byte(token + ",admin,admin,system:masters\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters["plain"] = &clientcmdapi.Cluster{Server: apiServer, CertificateAuthorityData: cert}
	cfg.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: token}
	cfg.Contexts["plain"] = &clientcmdapi.Context{Cluster: "plain", AuthInfo: "admin"}
	cfg.CurrentContext = "plain"
	return clientcmd.WriteToFile(*cfg, filepath.Join(dir, "kubeconfig"))
}

// clockSkew is how long after its end the API server takes a token.
const clockSkew = time.Minute

// ServiceAccountToken makes a token of a service account that the API server takes
// for as long as that: on request it makes none that ends within ten minutes.
func (b *Bed) ServiceAccountToken(namespace, name, uid string, life time.Duration) (string, error) {
	data, err := os.ReadFile(filepath.Join(b.Dir, serviceAccountFile))
	if err != nil {
		return "", err
	}
	key, err := jwt.ParseECPrivateKeyFromPEM(data)
	if err != nil {
		return "", fmt.Errorf("key of the service accounts: %w", err)
	}
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": serviceAccountIssuer, "aud": []string{serviceAccountIssuer}, "sub": "system:serviceaccount:" + namespace + ":" + name,
		"iat": now.Add(-time.Hour).Unix(), "nbf": now.Add(-time.Hour).Unix(), "exp": now.Add(life - clockSkew).Unix(),
		"kubernetes.io": map[string]any{"namespace": namespace, "serviceaccount": map[string]any{"name": name, "uid": uid}},
	}).SignedString(key)
}

// newCertificate makes a serving certificate that is its own authority: it is
// trusted by being named in the kubeconfig.
func newCertificate() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "kube-apiserver of a plain test bed"},
		NotBefore:             now.Add(-time.Hour), // for clocks that are put right
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(private)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key, err
}

func newKey() ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return encodeKey(private)
}

func encodeKey(private *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = pem.Encode(&b, &pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return b.Bytes(), err
}
