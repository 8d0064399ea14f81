package signature

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry/registrytest"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// real runs the cosign that is built from its module, and keeps what it was told.
type real struct {
	path string
	mu   sync.Mutex
	args []string
}

func (r *real) Run(ctx context.Context, c run.Cmd) (run.Result, error) {
	c.Name = r.path
	r.mu.Lock()
	r.args = append(r.args, c.Args...)
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return run.Exec{}.Run(ctx, c)
}

// pair makes a key in an empty directory.
func (r *real) pair(t *testing.T, password string) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := r.Run(t.Context(), run.Cmd{Args: []string{"generate-key-pair"}, Dir: dir, Env: []string{"COSIGN_PASSWORD=" + password}}); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "cosign.key"))
	if err != nil {
		t.Fatal(err)
	}
	return string(key)
}

func push(t *testing.T, s *registrytest.Registry, repository string) string {
	t.Helper()
	return s.Host + "/" + repository + "@" + registrytest.Push(t, s.Host+"/"+repository+":v1", "amd64", nil)
}

func TestSigner_WithTheRealCosign(t *testing.T) {
	cosign := &real{path: testkit.Tool(t, "cosign")}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	const password = "pass-w0rd"
	key, other := cosign.pair(t, password), cosign.pair(t, password)
	s := registrytest.New(t)
	signed, unsigned := push(t, s, "shop/backend"), push(t, s, "shop/other")
	open := func(key, password string) *Signer {
		t.Helper()
		signer, err := Open(t.Context(), Options{Key: key, Password: password, Runner: cosign})
		if err != nil {
			t.Fatal(err)
		}
		return signer
	}
	signer := open(key, password)
	if err := signer.Sign(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	if err := signer.Verify(t.Context(), signed); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"an unsigned image": signer.Verify(t.Context(), unsigned),
		"another key":       open(other, password).Verify(t.Context(), signed),
		"a wrong password":  open(key, "wr0ng").Sign(t.Context(), signed),
	} {
		if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, a := range cosign.args {
		if strings.Contains(a, password) || strings.Contains(a, "BEGIN") {
			t.Errorf("the argument %q holds a secret", a)
		}
	}
	// Who may not push may not sign.
	s.Fail(registrytest.Fault{On: registrytest.Manifest, Do: registrytest.Denied()})
	if err := signer.Sign(t.Context(), push(t, registrytest.New(t), "x/y")); err != nil {
		t.Error(err)
	}
	if err := signer.Sign(t.Context(), unsigned); err == nil || !strings.Contains(err.Error(), "write_package") {
		t.Errorf("%v", err)
	}
}

// version plays a cosign that knows some flags.
func version(flags string) *run.Fake {
	return &run.Fake{Handler: func(c run.Cmd) (run.Result, error) {
		switch {
		case slices.Contains(c.Args, "--help"):
			return run.Result{Stdout: flags}, nil
		case c.Args[0] == "public-key":
			return run.Result{Stdout: "-----BEGIN PUBLIC KEY-----\n"}, nil
		}
		return run.Result{}, nil
	}}
}

const (
	pem   = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nx1y2\n"
	two   = "    --new-bundle-format=false:\n	expect the signature/attestation to be packaged in a Sigstore bundle\n"
	three = "    --new-bundle-format=true:\n	expect the signature/attestation to be packaged in a Sigstore bundle\n"
	ref   = "ghcr.io/acme/x@sha256:1"
)

func TestSigner_TellsEachVersionWhatItKnows(t *testing.T) {
	names := func(args []string) string {
		var out []string
		for _, a := range args {
			name, value, _ := strings.Cut(a, "=")
			if !strings.Contains(value, string(filepath.Separator)) || strings.Contains(value, "://") {
				name = a // but for files
			}
			out = append(out, name)
		}
		return strings.Join(out, " ")
	}
	const env = "--key=env://COSIGN_PRIVATE_KEY"
	for _, c := range []struct {
		help, key    string
		log          bool
		sign, verify string
	}{
		{two, pem, false, "sign --yes " + env + " --tlog-upload=false -- " + ref, "verify --key --insecure-ignore-tlog=true -- " + ref},
		{three, pem, false, "sign --yes " + env + " --signing-config --trusted-root -- " + ref, "verify --key --trusted-root --insecure-ignore-tlog=true -- " + ref},
		{three, pem, true, "sign --yes " + env + " -- " + ref, "verify --key -- " + ref},
		{two, "awskms:///alias/x", true, "sign --yes --key=awskms:///alias/x -- " + ref, "verify --key -- " + ref},
	} {
		fake := version(c.help)
		s, err := Open(t.Context(), Options{Key: c.key, Password: "pw", Log: c.log, Runner: fake})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Sign(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		calls := fake.Calls()[1:] // after the help
		if got := names(calls[0].Args); got != c.sign {
			t.Errorf("%q, want %q", got, c.sign)
		}
		if slices.Contains(calls[0].Env, "COSIGN_PRIVATE_KEY="+c.key) != (c.key == pem) {
			t.Errorf("env %q", calls[0].Env)
		}
		if got := names(calls[2].Args); got != c.verify {
			t.Errorf("%q, want %q", got, c.verify)
		}
	}
}

func TestOpen_BadInput(t *testing.T) {
	missing := &run.Fake{Handler: func(run.Cmd) (run.Result, error) { return run.Result{Code: -1}, os.ErrNotExist }}
	for want, o := range map[string]Options{
		"cosign-installer":       {Key: pem, Runner: missing},
		"grant it id-token":      {Runner: version(three)},
		"neither a private key ": {Key: "cosign.key", Runner: version(three)},
	} {
		_, err := Open(t.Context(), o)
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestSigner_Keyless(t *testing.T) {
	claims := `{"iss":"https://token.actions.githubusercontent.com","job_workflow_ref":"acme/ci/.github/workflows/build.yml@refs/tags/v1"}`
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("audience") != "sigstore" || r.Header.Get("Authorization") != "Bearer b" {
			status = http.StatusUnauthorized
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"value":"h.` + base64.RawURLEncoding.EncodeToString([]byte(claims)) + `.s"}`))
	}))
	defer server.Close()
	fake := version(three)
	o := Options{Runner: fake, Token: Token{server.URL + "/?x=1", "b"}}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sign(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	const workflow = "https://github.com/acme/ci/.github/workflows/build.yml@refs/tags/v1"
	for i, want := range [][]string{
		{"sign", "--yes", "--", ref},
		{"verify", "--certificate-oidc-issuer=https://token.actions.githubusercontent.com", "--certificate-identity=" + workflow, "--", ref},
	} {
		if got := fake.Calls()[1+i].Args; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if s.Who() != workflow {
		t.Error(s.Who())
	}
	o.Token.Bearer = "wrong"
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v", err)
	}
}

// cosign knows all that it is told for keyless signing.
func TestSigner_CosignKnowsWhatItIsTold(t *testing.T) {
	cosign, fake := &real{path: testkit.Tool(t, "cosign")}, version(three)
	s := &Signer{o: Options{Runner: fake}, identity: identity{"https://issuer", "https://workflow"}, bundles: true}
	if err := errors.Join(s.Sign(t.Context(), ref), s.Verify(t.Context(), ref)); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, c := range fake.Calls() {
		help, err := cosign.Run(t.Context(), run.Cmd{Args: []string{c.Args[0], "--help"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range c.Args[1:] {
			name, _, _ := strings.Cut(a, "=")
			if !strings.HasPrefix(name, "--") || name == "--" {
				continue
			}
			told++
			if known := regexp.MustCompile(`(?m)^\s*(-\w, )?` + name + `[=\s]`); !known.MatchString(help.Stdout) {
				t.Errorf("cosign %s does not know %s:\n%s", c.Args[0], name, help.Stdout)
			}
		}
	}
	if told != 3 {
		t.Errorf("it is told %d things", told)
	}
}
