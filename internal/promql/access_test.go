package promql

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/testbed/servers"
)

// guarded is a Prometheus with TLS that answers who asked: its Authorization and
// tenant, and the name in the client's certificate. /token gives OAuth2 tokens.
func guarded(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			id, secret, _ := r.BasicAuth()
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"access_token":"%s-%s-%s","token_type":"bearer"}`, id, secret, r.FormValue("scope"))
			return
		}
		who := r.Header.Get("Authorization") + "|" + r.Header.Get("X-Scope-OrgID") + "|"
		if c := r.TLS.PeerCertificates; len(c) > 0 {
			who += c[0].Subject.CommonName
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"status":"error","errorType":"said","error":"%s"}`, who)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// file writes a file of the test and returns its path.
func file(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConnect_Access(t *testing.T) {
	server := guarded(t)
	ca := file(t, "ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	token := file(t, "token", []byte("from-a-file\n"))
	gate := servers.NewAuthority(t, "whose clients nobody checks").Issue(t, "gate")
	cert, key := file(t, "tls.crt", gate.Cert), file(t, "tls.key", gate.Key)
	trusted := "\ntls_config: {ca_file: " + ca + "}"
	for _, c := range []struct {
		name   string
		config string
		access Access
		want   string
	}{
		{"no credentials", trusted, Access{}, "said: ||"},
		{"headers", trusted, Access{Headers: map[string]string{"Authorization": "Bearer x", "X-Scope-OrgID": "team"}}, "said: Bearer x|team|"},
		{"basic", "basic_auth: {username: u, password: p}" + trusted, Access{}, "said: Basic dTpw||"},
		{"bearer", "authorization: {credentials: secret}" + trusted, Access{}, "said: Bearer secret||"},
		{"bearer of a file", "authorization: {credentials_file: " + token + "}" + trusted, Access{}, "said: Bearer from-a-file||"},
		{"a header wins", "authorization: {credentials: secret}" + trusted, Access{Headers: map[string]string{"Authorization": "Bearer x"}}, "said: Bearer x||"},
		{"client certificate", "tls_config: {ca_file: " + ca + ", cert_file: " + cert + ", key_file: " + key + "}", Access{}, "said: ||gate"},
		{"server name", "tls_config: {ca_file: " + ca + ", server_name: example.com}", Access{}, "said: ||"},
		{"another server name", "tls_config: {ca_file: " + ca + ", server_name: prometheus.monitoring}", Access{}, "not prometheus.monitoring"},
		{"an unknown authority", "", Access{}, "certificate signed by unknown authority"},
		{"which does not matter, if told so", "tls_config: {insecure_skip_verify: true}", Access{}, "said: ||"},
		{"or by a template", "", Access{Insecure: true}, "said: ||"},
		{"oauth2", "oauth2: {client_id: i, client_secret: s, scopes: [a], token_url: '" + server.URL + "/token', tls_config: {ca_file: " + ca + "}}" + trusted, Access{}, "said: Bearer i-s-a||"},
		{"oauth2 of a template", "", Access{Insecure: true, OAuth2: &OAuth2{TokenURL: server.URL + "/token", ClientID: "i", ClientSecret: "s"}}, "said: Bearer i-s-||"},
		{"credentials win over a template's", "authorization: {credentials: secret}", Access{Insecure: true, OAuth2: &OAuth2{TokenURL: server.URL + "/token", ClientID: "i", ClientSecret: "s"}}, "said: Bearer secret||"},
	} {
		var err error
		if c.access.HTTP, err = ParseHTTPConfig(c.config); err != nil {
			t.Fatal(err)
		}
		client, err := Connect(Target{URL: server.URL}, c.access)
		if err == nil {
			_, err = client.Query(t.Context(), "up")
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestConnect_ThroughTheCluster takes the way into the cluster for Prometheus
// alone: the token comes from elsewhere.
func TestConnect_ThroughTheCluster(t *testing.T) {
	server := guarded(t)
	dialled := ""
	a := Access{Insecure: true, OAuth2: &OAuth2{TokenURL: server.URL + "/token", ClientID: "i", ClientSecret: "s"}, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled += address + " "
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}}
	target, err := ParseAddress("https://prometheus.monitoring.svc.cluster.local/prefix")
	if err != nil || !target.InCluster() || target.Port != "443" {
		t.Fatalf("%+v, %v", target, err)
	}
	client, err := Connect(target, a)
	if err == nil {
		_, err = client.Query(t.Context(), "up")
	}
	if err == nil || err.Error() != "said: Bearer i-s-||" || dialled != "prometheus.monitoring.svc.cluster.local:443 " {
		t.Errorf("%v, dialled %s", err, dialled)
	}
}

// TestConnect_LeavesCredentialsBehind follows a redirect to another host, such as
// a login page, without the token.
func TestConnect_LeavesCredentialsBehind(t *testing.T) {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"status":"error","errorType":"said","error":"%s"}`, r.Header.Get("Authorization"))
	}))
	defer login.Close()
	_, port, _ := net.SplitHostPort(login.Listener.Addr().String())
	front := httptest.NewServer(http.RedirectHandler("http://localhost:"+port, http.StatusFound))
	defer front.Close()
	client, err := Connect(Target{URL: front.URL}, Access{Headers: map[string]string{"Authorization": "Bearer secret"}})
	if err == nil {
		_, err = client.Query(t.Context(), "up")
	}
	if err == nil || err.Error() != "said: " {
		t.Error(err)
	}
}

func TestParseHTTPConfig_HidesValues(t *testing.T) {
	for text, want := range map[string]string{
		"basic_auth: hunter2": "line 1: a value does not belong here",
		"authorization: {credentials: hunter2, credentials_file: x}":      "at most one of",
		"basic_auth: {username: a, password: *hunter2}":                   "unknown anchor a value",
		"authorisation: {credentials: hunter2}":                           `unknown field "authorisation"`,
		"tls_config: {insecure_skip_verify: hunter2}":                     "a value must be true or false",
		"authorization: {credentials: hunter2}\ntls_config: {ca: 'none'}": "it is no http_client_config",
	} {
		_, err := ParseHTTPConfig(text)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if c, err := ParseHTTPConfig(" \n"); err != nil || c.given != nil {
		t.Errorf("%v %v", c, err)
	}
}

func TestParseAddress(t *testing.T) {
	for s, want := range map[string]Target{
		"http://p.monitoring.svc:9090":                  {URL: "http://p.monitoring.svc:9090", Namespace: "monitoring", Service: "p", Port: "9090"},
		"http://p.monitoring.svc.cluster.local:9090/x/": {URL: "http://p.monitoring.svc.cluster.local:9090/x", Namespace: "monitoring", Service: "p", Port: "9090"},
		"http://p.monitoring.svc":                       {URL: "http://p.monitoring.svc", Namespace: "monitoring", Service: "p", Port: "80"},
		"https://prometheus.example.com":                {URL: "https://prometheus.example.com"},
		"http://p.monitoring:9090":                      {URL: "http://p.monitoring:9090"},
	} {
		if got, err := ParseAddress(s); err != nil || got != want || got.String() != want.URL {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "p:9090", "service:a/b:1", "{{args.address}}"} {
		if got, err := ParseAddress(s); err == nil {
			t.Errorf("%s: %+v", s, got)
		}
	}
}
