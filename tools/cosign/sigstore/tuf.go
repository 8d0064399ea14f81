package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	trustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// publish makes the files of the repository: whom to trust, and where they are.
func publish(address string, fulcio *authority, rekor *transparencyLog) (map[string][]byte, error) {
	begin, end := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	logs := func(key crypto.PublicKey) (map[string]*root.TransparencyLog, error) {
		id, err := keyID(key)
		return map[string]*root.TransparencyLog{hex.EncodeToString(id): {
			BaseURL: address, ID: id, ValidityPeriodStart: begin, ValidityPeriodEnd: end,
			HashFunc: crypto.SHA256, PublicKey: key, SignatureHashFunc: crypto.SHA256,
		}}, err
	}
	certificates, err := logs(fulcio.logKey.Public())
	if err != nil {
		return nil, err
	}
	signatures, err := logs(rekor.key.Public())
	if err != nil {
		return nil, err
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, []root.CertificateAuthority{&root.FulcioCertificateAuthority{
		Root: fulcio.root, Intermediates: []*x509.Certificate{fulcio.intermediate}, ValidityPeriodStart: begin, ValidityPeriodEnd: end, URI: address,
	}}, certificates, nil, signatures)
	if err != nil {
		return nil, err
	}
	here := []root.Service{{URL: address, MajorAPIVersion: 1, ValidityPeriodStart: begin, ValidityPeriodEnd: end, Operator: "test"}}
	services, err := root.NewSigningConfig(root.SigningConfigMediaType02, here, nil, here,
		root.ServiceConfiguration{Selector: trustroot.ServiceSelector_ANY}, nil, root.ServiceConfiguration{})
	if err != nil {
		return nil, err
	}
	trustedText, err := json.Marshal(trusted)
	if err != nil {
		return nil, err
	}
	servicesText, err := json.Marshal(services)
	if err != nil {
		return nil, err
	}
	return repository(end, map[string][]byte{"trusted_root.json": trustedText, "signing_config.v0.2.json": servicesText})
}

// repository signs files with one key for all of its roles.
func repository(end time.Time, targets map[string][]byte) (map[string][]byte, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	public, err := metadata.KeyFromPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	signer, err := signature.LoadSigner(key, crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	top, listed := metadata.Root(end), metadata.Targets(end)
	for _, role := range []string{"root", "timestamp", "snapshot", "targets"} {
		if err := top.Signed.AddKey(public, role); err != nil {
			return nil, err
		}
	}
	for name, text := range targets {
		if listed.Signed.Targets[name], err = metadata.TargetFile().FromBytes(name, text, "sha256"); err != nil {
			return nil, err
		}
		hash := sha256.Sum256(text)
		files["targets/"+hex.EncodeToString(hash[:])+"."+name] = text
	}
	snapshot, timestamp := metadata.Snapshot(end), metadata.Timestamp(end)
	write := func(sign func(signature.Signer) (*metadata.Signature, error), text func(bool) ([]byte, error), names ...string) error {
		_, fault := sign(signer)
		out, err := text(false)
		for _, name := range names {
			files[name] = out
		}
		return errors.Join(fault, err)
	}
	return files, errors.Join(
		write(top.Sign, top.ToBytes, "root.json", "1.root.json"), write(listed.Sign, listed.ToBytes, "1.targets.json"),
		write(snapshot.Sign, snapshot.ToBytes, "1.snapshot.json"), write(timestamp.Sign, timestamp.ToBytes, "timestamp.json"),
	)
}
