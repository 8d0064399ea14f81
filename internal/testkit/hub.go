package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Tokens is a server of tokens as auth.docker.io is one: who gives a name and a
// password gets a token for what is asked, that a registry can check without it.
type Tokens struct {
	User, Password  string
	Issuer, Service string

	key   *ecdsa.PrivateKey
	mu    sync.Mutex
	given int
}

// NewTokens makes one with a key of its own.
func NewTokens(t testing.TB, user, password string) *Tokens {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Tokens{User: user, Password: password, Issuer: "auth.test", Service: "registry.test", key: key}
}

// keyID names the only key.
const keyID = "one"

// JWKS is the set of keys that a registry checks tokens with.
func (s *Tokens) JWKS() []byte {
	point, err := s.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		panic(err) // the key was made for this curve
	}
	part := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	text, _ := json.Marshal(map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "kid": keyID, "alg": "ES256", "use": "sig", "x": part(point[1:33]), "y": part(point[33:65]),
	}}}) // maps of strings can be marshalled
	return text
}

// Given is how many tokens were given out.
func (s *Tokens) Given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given
}

// ServeHTTP answers one request for a token.
func (s *Tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != s.User || password != s.Password {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"details":"incorrect username or password"}`)) // as Docker Hub says it
		return
	}
	access := []any{}
	for _, scope := range r.URL.Query()["scope"] {
		if parts := strings.Split(scope, ":"); len(parts) == 3 {
			access = append(access, map[string]any{"type": parts[0], "name": parts[1], "actions": strings.Split(parts[2], ",")})
		}
	}
	now := time.Now()
	token, err := s.sign(map[string]any{
		"iss": s.Issuer, "sub": user, "aud": s.Service, "access": access,
		"exp": now.Add(5 * time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "iat": now.Unix(), "jti": rand.Text(),
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	s.given++
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "access_token": token, "expires_in": 300, "issued_at": now.UTC().Format(time.RFC3339)})
}

// sign makes a JSON Web Token with ES256 (RFC 7518, 3.4): the two numbers of the
// signature one after the other.
func (s *Tokens) sign(claims map[string]any) (string, error) {
	part := func(v any) string {
		text, _ := json.Marshal(v) // maps of plain values can be marshalled
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]string{"typ": "JWT", "alg": "ES256", "kid": keyID}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	a, b, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	a.FillBytes(signature[:32])
	b.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
