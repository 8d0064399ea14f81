package builder

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

// asks is the variable with which this program, as a step of a build, asks an agent for
// its keys and does nothing else.
const asks = "HY_HOME_ASKS_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(asks) == "" {
		os.Exit(m.Run())
	}
	conn, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	if err == nil {
		var keys []*agent.Key
		keys, err = agent.NewClient(conn).List()
		for _, k := range keys {
			fmt.Println(ssh.FingerprintSHA256(k))
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// sshKey is a private key, as it is and as a file, and its fingerprint.
func sshKey(t *testing.T) (key ed25519.PrivateKey, file []byte, fingerprint string) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(block), ssh.FingerprintSHA256(shown)
}

// serveAgent has an agent hold a key, and returns the path of its socket.
func serveAgent(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: &key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go func() { _ = agent.ServeAgent(ring, conn); _ = conn.Close() }()
		}
	}()
	return filepath.Join(dir, "sock")
}

// A step asks the agent of the machine, and one that buildx makes of a key; neither key
// goes into the build.
func TestBed_SSH(t *testing.T) {
	bed := buildkit.New(t)
	root := bed.Start(t)
	held, _, inAgent := sshKey(t)
	_, file, inFile := sshKey(t)
	t.Setenv("SSH_AUTH_SOCK", serveAgent(t, held))
	path := filepath.Join(t.TempDir(), "id")
	write(t, path, string(file))
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	b := newBedBuild(t, bed, map[string]string{"asks": string(program), "Dockerfile": "FROM " + shell + `
COPY --chmod=755 asks /
RUN --mount=type=ssh ` + asks + `=1 /asks
RUN --mount=type=ssh,id=mine ` + asks + `=1 /asks
`})
	b.o.Push, b.o.Outputs = false, []string{"type=local,dest=" + t.TempDir()}
	b.o.SSH = []string{"default", "mine=" + path}
	b.build(t)
	for what, fingerprint := range map[string]string{"agent": inAgent, "file": inFile} {
		if !bytes.Contains(b.log.Bytes(), []byte(fingerprint)) {
			t.Errorf("the step does not see the key of the %s:\n%s", what, b.log.String())
		}
	}
	places := map[string][]byte{"the log": b.log.Bytes(), "argument lists": bed.Calls(t)}
	readAll(t, root, places)
	secret := bytes.Split(file, []byte("\n"))[1]
	for where, text := range places {
		if bytes.Contains(text, secret) {
			t.Errorf("the key is in %s", where)
		}
	}
	b.o.SSH, b.o.Dockerfile = nil, "FROM "+shell+"\nRUN --mount=type=ssh,required=true true\n"
	if _, err := Build(t.Context(), run.Exec{}, b.tool, b.o); err == nil || !strings.Contains(err.Error(), "ssh") {
		t.Errorf("nothing was handed over, and the step that needs it ran: %v", err)
	}
}
