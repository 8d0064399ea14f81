package builder

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// ghaCache plays the second version of GitHub's cache service: who asks with the job's
// token is given addresses to put and get a blob at, as Azure's storage has them.
type ghaCache struct {
	url, token string

	mu     sync.Mutex
	keys   []string          // of entries that are complete, oldest first
	blobs  map[string][]byte // by the key of their entry
	blocks map[string][]byte // of blobs that are put in parts
	denied int               // questions without the token
	given  int               // addresses to get a blob at
}

func newGHACache(t *testing.T) *ghaCache {
	t.Helper()
	c := &ghaCache{blobs: map[string][]byte{}, blocks: map[string][]byte{}}
	part := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"ac":"[{\"Scope\":\"refs/heads/main\",\"Permission\":3}]","nbf":%d,"exp":%d}`, time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix())
	c.token = part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part([]byte(claims)) + "." + part([]byte("Zq7-signature"))
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	c.url = s.URL + "/"
	return c
}

func (c *ghaCache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever asked is gone
	}
	w.Header().Set("X-Ms-Request-Id", "1")
	if key, ok := strings.CutPrefix(r.URL.Path, "/blob/"); ok {
		c.blob(w, r, key, body)
		return
	}
	method, ok := strings.CutPrefix(r.URL.Path, "/twirp/github.actions.results.api.v1.CacheService/")
	if !ok || r.Header.Get("Authorization") != "Bearer "+c.token {
		c.denied++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var ask struct {
		Key         string
		RestoreKeys []string `json:"restore_keys"`
	}
	if err := json.Unmarshal(body, &ask); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.call(method, ask.Key, ask.RestoreKeys))
}

func (c *ghaCache) call(method, key string, starts []string) map[string]any {
	switch method {
	case "CreateCacheEntry":
		return map[string]any{"ok": true, "signed_upload_url": c.url + "blob/" + key}
	case "FinalizeCacheEntryUpload":
		c.keys = append(c.keys, key)
		return map[string]any{"ok": true, "entry_id": "1"}
	}
	for i := len(c.keys) - 1; i >= 0; i-- { // the newest that fits
		for _, start := range append([]string{key}, starts...) {
			if strings.HasPrefix(c.keys[i], start) {
				c.given++
				return map[string]any{"ok": true, "signed_download_url": c.url + "blob/" + c.keys[i], "matched_key": c.keys[i]}
			}
		}
	}
	return map[string]any{"ok": false}
}

func (c *ghaCache) blob(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodGet:
		r.Header.Set("Range", r.Header.Get("X-Ms-Range"))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(c.blobs[key]))
		return
	case q.Get("comp") == "block":
		c.blocks[key+q.Get("blockid")] = body
	case q.Get("comp") == "blocklist":
		var list struct{ Latest []string }
		if err := xml.Unmarshal(body, &list); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.blobs[key] = nil
		for _, id := range list.Latest {
			c.blobs[key] = append(c.blobs[key], c.blocks[key+id]...)
		}
	default:
		c.blobs[key] = body
	}
	w.WriteHeader(http.StatusCreated)
}
