package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-openapi/runtime"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	_ "github.com/sigstore/rekor/pkg/types/dsse/v0.0.1" // what images are signed by
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"
)

// transparencyLog is Rekor, of version 1. Each of its entries is a tree of its own.
type transparencyLog struct {
	key *ecdsa.PrivateKey
}

func newLog() (*transparencyLog, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &transparencyLog{key}, err
}

func (l *transparencyLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	proposed, err := models.UnmarshalProposedEntry(r.Body, runtime.JSONConsumer())
	var id string
	var entry map[string]any
	if err == nil {
		id, entry, err = l.note(r.Context(), proposed)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", id)
	w.Header().Set("Location", "/api/v1/log/entries/"+id)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{id: entry})
}

func (l *transparencyLog) note(ctx context.Context, proposed models.ProposedEntry) (id string, _ map[string]any, err error) {
	parsed, err := types.CreateVersionedEntry(proposed) // which checks the signature
	if err != nil {
		return "", nil, err
	}
	body, err := types.CanonicalizeEntry(ctx, parsed)
	if err != nil {
		return "", nil, err
	}
	name, err := keyID(l.key.Public())
	if err != nil {
		return "", nil, err
	}
	// In the order and form in which it is signed.
	promised := struct {
		Body []byte `json:"body"`
		Time int64  `json:"integratedTime"`
		ID   string `json:"logID"`
		At   int64  `json:"logIndex"`
	}{body, time.Now().Unix(), hex.EncodeToString(name), 0}
	text, err := json.Marshal(promised)
	if err != nil {
		return "", nil, err
	}
	hash := sha256.Sum256(text)
	promise, err := l.key.Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		return "", nil, err
	}
	signer, err := signature.LoadECDSASignerVerifier(l.key, crypto.SHA256)
	if err != nil {
		return "", nil, err
	}
	root := sha256.Sum256(append([]byte{0}, body...)) // the leaf is the tree
	checkpoint, err := util.CreateAndSignCheckpoint(ctx, "rekor.localhost", 1, 1, root[:], signer)
	if err != nil {
		return "", nil, err
	}
	return hex.EncodeToString(root[:]), map[string]any{
		"body": promised.Body, "integratedTime": promised.Time, "logID": promised.ID, "logIndex": promised.At,
		"verification": map[string]any{
			"signedEntryTimestamp": promise,
			"inclusionProof": map[string]any{
				"checkpoint": string(checkpoint), "hashes": []string{}, "logIndex": 0, "rootHash": hex.EncodeToString(root[:]), "treeSize": 1,
			},
		},
	}, nil
}
