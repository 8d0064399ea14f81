package signature

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// sigstore starts the stand-in of the services of keyless signing, has cosign trust it,
// and returns its address.
func sigstore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "sigstore")
	build := exec.Command("go", "build", "-o", program, "./sigstore")
	build.Dir = filepath.Join(testkit.Root(t), "tools", "cosign")
	if out, err := build.CombinedOutput(); err != nil {
		testkit.Missing(t, "the stand-in of sigstore cannot be built here: %v\n%s", err, out)
	}
	cmd := exec.Command(program)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// The whole way of a keyless signature: GitHub says who the job is, Fulcio certifies it,
// Rekor notes it, and whoever verifies finds out whom to trust. The services are a
// stand-in with authorities of its own; cosign, the tokens' use, certificates, receipts,
// log entries and their verification are the real ones.
func TestSigner_KeylessWithTheRealCosign(t *testing.T) {
	cosign := &real{path: testkit.Tool(t, "cosign")}
	address := sigstore(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("TUF_MIRROR", address+"/tuf")
	t.Setenv("TUF_ROOT", t.TempDir())
	root := filepath.Join(t.TempDir(), "root.json")
	fetch(t, address+"/tuf/root.json", root)
	t.Setenv("TUF_ROOT_JSON", root)
	token := Token{address + "/token?version=1", "bearer"}
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", token.URL)
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", token.Bearer)
	s := registrytest.New(t)
	signed, unsigned := push(t, s, "shop/backend"), push(t, s, "shop/other")

	signer, err := Open(t.Context(), Options{Token: token, Runner: cosign})
	if err != nil {
		t.Fatal(err)
	}
	const workflow = "https://github.com/acme/ci/.github/workflows/build.yml@refs/tags/v1"
	if signer.Who() != workflow {
		t.Error(signer.Who())
	}
	if err := signer.Sign(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	if err := signer.Verify(t.Context(), signed); err != nil {
		t.Error(err)
	}
	other, stranger := *signer, *signer
	other.identity.subject = strings.Replace(workflow, "build.yml", "other.yml", 1)
	stranger.identity.issuer = "https://accounts.example"
	for what, err := range map[string]error{
		"an unsigned image": signer.Verify(t.Context(), unsigned),
		"another workflow":  other.Verify(t.Context(), signed),
		"another issuer":    stranger.Verify(t.Context(), signed),
	} {
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Whom nobody knows is certified by nobody.
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "wrong")
	if err := signer.Sign(t.Context(), unsigned); err == nil {
		t.Error("signed without an identity")
	}
	for _, a := range cosign.args {
		if strings.Contains(a, "bearer") || strings.HasPrefix(a, "eyJ") {
			t.Errorf("the argument %q holds a token", a)
		}
	}
}

func fetch(t *testing.T, url, file string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
