package gittest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
	"time"
)

// SSH starts OpenSSH's server with a configuration, keys and a port of its own, has git use
// the client's key, and gives the URL of a bare repository there. It skips the test where
// there is no such server.
func SSH(t testing.TB, bare string) (url string) {
	t.Helper()
	sshd, err := exec.LookPath("/usr/sbin/sshd") // it wants its whole path
	if err != nil {
		t.Skip("OpenSSH's server is not installed, and this is about a repository behind it")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "client"} {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at(key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	config := fmt.Sprintf("ListenAddress %s\nPort %s\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n", host, port, at("host"), at("client.pub"))
	public, err := os.ReadFile(at("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config": config, "known": fmt.Sprintf("[%s]:%s %s", host, port, public)} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		_ = os.MkdirAll("/run/sshd", 0o755) // where root's server drops its rights; what is wrong with it sshd says
	}
	server := exec.CommandContext(t.Context(), sshd, "-D", "-e", "-f", at("config"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Wait() }) // the end of the test's context has killed it
	for try := 0; ; try++ {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err == nil {
			c.Close()
			break
		}
		if try == 100 {
			t.Fatalf("sshd does not answer: %v", err)
		}
		time.Sleep(50 * time.Millisecond) // until it listens
	}
	t.Setenv("GIT_SSH_COMMAND", fmt.Sprintf("ssh -F /dev/null -i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s -o StrictHostKeyChecking=yes -o BatchMode=yes", at("client"), at("known")))
	Git(t, bare, "config", "uploadpack.allowFilter", "true")
	Git(t, bare, "config", "uploadpack.allowAnySHA1InWant", "true")
	return fmt.Sprintf("ssh://%s@%s%s", me.Username, net.JoinHostPort(host, port), bare)
}
