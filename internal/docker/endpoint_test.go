package docker

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// makeContext writes what `docker context create` does.
func makeContext(t *testing.T, config, name, host string) (tlsDir string) {
	t.Helper()
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
	testkit.Write(t, config, map[string]string{"contexts/meta/" + id + "/meta.json": fmt.Sprintf(`{"Name":%q,"Metadata":{"Description":"d"},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, name, host)})
	return filepath.Join(config, "contexts", "tls", id, "docker")
}

// answers asks the engine that env leads to; each of these tests' servers speaks
// an API version of its own.
func answers(t *testing.T, env map[string]string) (string, error) {
	t.Helper()
	e := &Engine{Getenv: func(name string) string { return env[name] }}
	t.Cleanup(func() { _ = e.Close() })
	c, err := e.Client(t.Context())
	if err != nil {
		return "", err
	}
	return c.ClientVersion(), nil
}

func TestEngine_IsTheOneThatTheDockerCommandWouldTake(t *testing.T) {
	host, far, other := server(t, "1.41"), server(t, "1.42"), server(t, "1.43")
	chosen, plain, damaged := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{chosen, plain} {
		makeContext(t, dir, "far", far)
		makeContext(t, dir, "other", other)
	}
	testkit.Write(t, chosen, map[string]string{"config.json": `{"currentContext":"far"}`})
	home := t.TempDir()
	if err := os.Rename(chosen, filepath.Join(home, ".docker")); err != nil {
		t.Fatal(err)
	}
	chosen = filepath.Join(home, ".docker")
	testkit.Write(t, damaged, map[string]string{"config.json": `{"currentContext":`})
	for name, tt := range map[string]struct {
		env  map[string]string
		want string // the API version, or a part of the error
	}{
		"the current context":      {map[string]string{"DOCKER_CONFIG": chosen}, "1.42"},
		"of the home directory":    {map[string]string{"HOME": home}, "1.42"},
		"DOCKER_CONTEXT":           {map[string]string{"DOCKER_CONFIG": plain, "DOCKER_CONTEXT": "other"}, "1.43"},
		"is before the current":    {map[string]string{"DOCKER_CONFIG": chosen, "DOCKER_CONTEXT": "other"}, "1.43"},
		"DOCKER_HOST is before it": {map[string]string{"DOCKER_CONFIG": chosen, "DOCKER_CONTEXT": "other", "DOCKER_HOST": host}, "1.41"},
		"a host without a scheme":  {map[string]string{"DOCKER_HOST": strings.TrimPrefix(host, "tcp://")}, "1.41"},
		"an unknown context":       {map[string]string{"DOCKER_CONFIG": plain, "DOCKER_CONTEXT": "gone"}, `docker context "gone" cannot be used`},
		"no place for contexts":    {map[string]string{"DOCKER_CONTEXT": "far"}, "neither DOCKER_CONFIG nor HOME"},
		"a damaged configuration":  {map[string]string{"DOCKER_CONFIG": damaged}, "read Docker's configuration"},
	} {
		got, err := answers(t, tt.env)
		if err == nil && got != tt.want || err != nil && (!strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput) {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, tt.want)
		}
	}
	// The default context is the default host, whatever the current one is.
	t.Chdir(home) // a .docker of the working directory is nobody's configuration
	for _, env := range []map[string]string{{}, {"DOCKER_CONFIG": plain}, {"DOCKER_CONFIG": chosen, "DOCKER_CONTEXT": "default"}} {
		found, name, err := (&Engine{Getenv: func(name string) string { return env[name] }}).endpoint()
		if err != nil || name != "" || found.Host != DefaultHost {
			t.Errorf("%v: got %q of context %q, %v", env, found.Host, name, err)
		}
	}
}

func TestEngine_AMissingOneIsNamedWithItsContext(t *testing.T) {
	dir := t.TempDir()
	host := deadPort
	makeContext(t, dir, "far", host)
	_, err := answers(t, map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "far"})
	if want := "no Docker engine at " + host + " (docker context far) (connection refused): "; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// secured is an engine that wants a client's certificate, and the certificates
// for it: the test server's own does for authority, server and client.
func secured(t *testing.T) (host string, certs map[string]string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.44")
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	return "tcp://" + strings.TrimPrefix(s.URL, "https://"), map[string]string{
		"ca.pem": cert, "cert.pem": cert, "key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	}
}

func TestEngine_BehindTLS(t *testing.T) {
	host, certs := secured(t)
	all, noCA, config := t.TempDir(), t.TempDir(), t.TempDir()
	tlsDir := makeContext(t, config, "far", host)
	for name, text := range certs {
		testkit.Write(t, all, map[string]string{name: text})
		testkit.Write(t, config, map[string]string{name: text})
		testkit.Write(t, tlsDir, map[string]string{name: text})
		if name != "ca.pem" {
			testkit.Write(t, noCA, map[string]string{name: text})
		}
	}
	for name, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"verified":                    {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": all}, "1.44"},
		"beside the configuration":    {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": config}, "1.44"},
		"of an unknown authority":     {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": noCA}, "unknown authority"},
		"without a look at it":        {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS": "1", "DOCKER_CERT_PATH": noCA}, "1.44"},
		"by a context":                {map[string]string{"DOCKER_CONFIG": config, "DOCKER_CONTEXT": "far"}, "1.44"},
		"no such directory":           {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": all + "/none"}, "DOCKER_CERT_PATH"},
		"without TLS there is no way": {map[string]string{"DOCKER_HOST": host}, "does not answer"},
	} {
		got, err := answers(t, tt.env)
		if err == nil && got != tt.want || err != nil && (!strings.Contains(err.Error(), tt.want) || exit.Code(err) != exit.BadInput) {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, tt.want)
		}
	}
}
