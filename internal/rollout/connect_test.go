package rollout

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/buenhyden/hy-home/internal/exit"
)

func TestConnect_BadInput(t *testing.T) {
	good := write(t, "good", "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\ncontexts: [{name: one, context: {cluster: c}}]\ncurrent-context: one\n")
	for _, c := range []struct{ path, context, want string }{
		{filepath.Join(t.TempDir(), "none"), "", "none cannot be read: no such file or directory"},
		{write(t, "text", "{{"), "", "is not valid"},
		{write(t, "empty", ""), "", `holds no context`},
		{good, "two", `has no context "two"`},
	} {
		_, err := Connect(c.path, c.context, func(string, ...any) {})
		if err == nil || exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.path, c.context, err, c.want)
		}
	}
	c, err := Connect(good, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Forward("monitoring", "prometheus", "9090")(t.Context(), "tcp", "prometheus.monitoring.svc:80"); err == nil || !strings.Contains(err.Error(), "reach service monitoring/prometheus: Get") {
		t.Error(err)
	}
}

// guarded is an API server that takes one token. It writes a kubeconfig whose user
// is the one given.
type guarded struct {
	*httptest.Server
	good    atomic.Value // the token
	refused atomic.Int64
}

func guard(t *testing.T, token string) *guarded {
	t.Helper()
	g := &guarded{}
	g.good.Store(token)
	g.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+g.good.Load().(string) {
			g.refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisRunList","items":[]}`)
	}))
	t.Cleanup(g.Close)
	return g
}

// connect connects as a user of a kubeconfig.
func (g *guarded) connect(t *testing.T, user string) *Cluster {
	t.Helper()
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate().Raw}))
	path := write(t, "kubeconfig", "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: '"+g.URL+"', certificate-authority-data: "+ca+"}}]\nusers: [{name: u, user: "+user+"}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\ncurrent-context: c\n")
	c, err := Connect(path, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write writes a file for one test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConnect_ReadsARenewedToken has a token that ends while the gate runs, and a
// new one in the same file.
func TestConnect_ReadsARenewedToken(t *testing.T) {
	g, token := guard(t, "old"), write(t, "token", "old")
	c := g.connect(t, "{tokenFile: '"+token+"'}")
	if _, err := c.Runs(t.Context(), State{}); err != nil {
		t.Fatal(err)
	}
	g.good.Store("new")
	if _, err := c.Runs(t.Context(), State{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("the old token: %v", err)
	}
	if g.refused.Load() != 1 { // to ask again with what was refused is of no use
		t.Errorf("the old token was refused %d times", g.refused.Load())
	}
	if err := os.WriteFile(token, []byte("new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Runs(t.Context(), State{}); err != nil {
		t.Errorf("the new token: %v", err)
	}
}

// TestConnect_RunsTheCommandAgain has a kubeconfig whose credentials a command
// prints, as those of managed clusters do: what it printed is refused before its
// time, or its time is over, and one more call is all that shows of it.
func TestConnect_RunsTheCommandAgain(t *testing.T) {
	dir := t.TempDir()
	printed, log := filepath.Join(dir, "printed"), filepath.Join(dir, "log")
	command := write(t, "credentials", "#!/bin/sh\necho run >>'"+log+"'\nexec cat '"+printed+"'\n")
	prints := func(token string, expires time.Time) {
		t.Helper()
		text := fmt.Sprintf(`{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": %q, "expirationTimestamp": %q}}`, token, expires.UTC().Format(time.RFC3339))
		if err := os.WriteFile(printed, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		expires time.Duration // of the first token
		again   int           // how often what is printed next is refused as well
		refused int64
		runs    int
	}{
		{"refused before its time", time.Hour, 0, 1, 2},
		{"its time is over", -time.Second, 0, 0, 2},
		{"refused and refused again", time.Hour, 4, 5, 6}, // one request for each further call
	} {
		if err := os.WriteFile(log, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		g := guard(t, "first of "+c.name)
		prints("first of "+c.name, time.Now().Add(c.expires))
		cluster := g.connect(t, "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: '"+command+"', env: [{name: CASE, value: '"+c.name+"'}]}}")
		if _, err := cluster.Runs(t.Context(), State{}); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		g.good.Store("second")
		for i := range c.again {
			if i == c.again-1 { // what was printed before is refused first
				prints("second", time.Now().Add(time.Hour))
			}
			if _, err := cluster.Runs(t.Context(), State{}); !apierrors.IsUnauthorized(err) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		prints("second", time.Now().Add(time.Hour))
		for range 2 {
			if _, err := cluster.Runs(t.Context(), State{}); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		runs, err := os.ReadFile(log)
		if err != nil || strings.Count(string(runs), "run") != c.runs || g.refused.Load() != c.refused {
			t.Errorf("%s: it ran %d times, %d requests were refused, %v", c.name, strings.Count(string(runs), "run"), g.refused.Load(), err)
		}
	}
}
