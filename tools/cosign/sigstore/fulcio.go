package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
	"github.com/google/certificate-transparency-go/x509util"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// authority is Fulcio, and the log of certificates beside it.
type authority struct {
	known              *identities
	root, intermediate *x509.Certificate
	key, logKey        *ecdsa.PrivateKey // of the intermediate, and of the log
}

func newAuthority(known *identities) (*authority, error) {
	root, rootKey, err := ca.GenerateRootCa()
	if err != nil {
		return nil, err
	}
	intermediate, key, err := ca.GenerateFulcioIntermediate(root, rootKey)
	if err != nil {
		return nil, err
	}
	logKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &authority{known, root, intermediate, key, logKey}, err
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		PublicKeyRequest struct {
			PublicKey         struct{ Content string }
			ProofOfPossession []byte
		}
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || !a.known.knows(token) {
		http.Error(w, "GitHub made no such token", http.StatusUnauthorized)
		return
	}
	err := json.NewDecoder(r.Body).Decode(&ask)
	var chain []string
	if err == nil {
		chain, err = a.certify(ask.PublicKeyRequest.PublicKey.Content, ask.PublicKeyRequest.ProofOfPossession)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": chain}}})
}

// certify makes a certificate for whoever has shown to hold the key.
func (a *authority) certify(text string, proof []byte) ([]string, error) {
	key, err := cryptoutils.UnmarshalPEMToPublicKey([]byte(text))
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(subject))
	if public, ok := key.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(public, hash[:], proof) {
		return nil, errors.New("the proof is not by that key")
	}
	// First for the log, with an extension by which nobody else takes it for a certificate.
	poison := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 3}, Critical: true, Value: asn1.NullBytes}
	now := time.Now()
	noted, err := a.leaf(key, now, poison)
	if err != nil {
		return nil, err
	}
	receipt, err := a.note(noted, now)
	if err != nil {
		return nil, err
	}
	leaf, err := a.leaf(key, now, receipt)
	if err != nil {
		return nil, err
	}
	var chain []string
	for _, der := range [][]byte{leaf, a.intermediate.Raw, a.root.Raw} {
		chain = append(chain, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	return chain, nil
}

func (a *authority) leaf(key crypto.PublicKey, now time.Time, last pkix.Extension) ([]byte, error) {
	says, err := asn1.MarshalWithParams(issuer, "utf8")
	if err != nil {
		return nil, err
	}
	return x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now, NotAfter: now.Add(10 * time.Minute),
		URIs:     []*url.URL{{Scheme: "https", Host: "github.com", Path: "/" + workflow}},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(issuer)},
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: says},
			last,
		},
	}, a.intermediate, key, a.key)
}

// note is the log's: its receipt, as an extension of the certificate.
func (a *authority) note(der []byte, now time.Time) (pkix.Extension, error) {
	certificate, err := ctx509.ParseCertificate(der)
	if certificate == nil {
		return pkix.Extension{}, err
	}
	by, err := ctx509.ParseCertificate(a.intermediate.Raw)
	if err != nil {
		return pkix.Extension{}, err
	}
	leaf, err := ct.MerkleTreeLeafFromChain([]*ctx509.Certificate{certificate, by}, ct.PrecertLogEntryType, uint64(now.UnixMilli()))
	if err != nil {
		return pkix.Extension{}, err
	}
	receipt := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, Timestamp: uint64(now.UnixMilli())}
	id, err := keyID(a.logKey.Public())
	if err != nil {
		return pkix.Extension{}, err
	}
	copy(receipt.LogID.KeyID[:], id)
	signed, err := ct.SerializeSCTSignatureInput(receipt, ct.LogEntry{Leaf: *leaf})
	if err != nil {
		return pkix.Extension{}, err
	}
	signature, err := tls.CreateSignature(*a.logKey, tls.SHA256, signed)
	if err != nil {
		return pkix.Extension{}, err
	}
	receipt.Signature = ct.DigitallySigned(signature)
	list, err := x509util.MarshalSCTsIntoSCTList([]*ct.SignedCertificateTimestamp{&receipt})
	if err != nil {
		return pkix.Extension{}, err
	}
	text, err := tls.Marshal(*list)
	if err != nil {
		return pkix.Extension{}, err
	}
	value, err := asn1.Marshal(text)
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: value}, err
}

// keyID is how logs are named.
func keyID(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	id := sha256.Sum256(der)
	return id[:], err
}
