// Command sigstore plays the public services of keyless signing on loopback, with
// authorities of its own: GitHub, which says who a job is; Fulcio, which makes a
// certificate of that and notes it in a log of certificates; Rekor, which notes what
// was signed; and the repository (TUF) that says whom to trust. What cosign asks them
// and what it believes is as with the real ones.
//
// It prints its address, and ends when its standard input does.
//
//	ADDRESS/token         GitHub's question for the identity of a job; its password is "bearer"
//	ADDRESS/tuf           TUF_MIRROR
//	ADDRESS/tuf/root.json what TUF_ROOT_JSON is to hold
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
)

func main() {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	defer s.Close()
	github := &identities{issued: map[string]bool{}}
	fulcio, err := newAuthority(github)
	if err != nil {
		log.Fatal(err)
	}
	rekor, err := newLog()
	if err != nil {
		log.Fatal(err)
	}
	files, err := publish(s.URL, fulcio, rekor)
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("GET /token", github)
	mux.Handle("POST /api/v2/signingCert", fulcio)
	mux.Handle("POST /api/v1/log/entries", rekor)
	mux.HandleFunc("GET /tuf/", func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[strings.TrimPrefix(r.URL.Path, "/tuf/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(text)
	})
	fmt.Println(s.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// What GitHub tells of the one job there is.
const (
	issuer   = "https://token.actions.githubusercontent.com"
	subject  = "repo:acme/shop:ref:refs/heads/main"
	workflow = "acme/ci/.github/workflows/build.yml@refs/tags/v1"
)

// identities makes tokens, and knows its own.
type identities struct {
	mu     sync.Mutex
	issued map[string]bool
}

func (g *identities) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Authorization"), "Bearer bearer") || r.URL.Query().Get("audience") != "sigstore" {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	part := base64.RawURLEncoding.EncodeToString
	claims, err := json.Marshal(map[string]string{"iss": issuer, "sub": subject, "aud": "sigstore", "job_workflow_ref": workflow})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	token := part([]byte(`{"alg":"RS256"}`)) + "." + part(claims) + "." + part(fmt.Append(nil, "signature ", len(g.issued)))
	g.issued[token] = true
	_ = json.NewEncoder(w).Encode(map[string]string{"value": token})
}

func (g *identities) knows(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.issued[token]
}
