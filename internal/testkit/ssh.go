package testkit

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSH starts an SSH server, with a host key and a port of its own, that lets one key in and
// runs what shell makes of a command. It gives its address, and the flags with which OpenSSH's
// client gets in there and nowhere else. OpenSSH's server would do as well, but Debian's package
// starts it for the whole machine. The test is skipped where there is no client.
func SSH(t testing.TB, shell func(ctx context.Context, command string) *exec.Cmd) (address string, flags []string) {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("OpenSSH's client is not installed, and this is about what lies behind it")
	}
	host, _ := sshKey(t)
	client, private := sshKey(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(client.PublicKey().Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			go serveSSH(t.Context(), c, config, shell)
		}
	}()
	dir, address := t.TempDir(), l.Addr().String()
	for name, text := range map[string]string{"key": private, "known": knownhosts.Line([]string{address}, host.PublicKey()) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil { // OpenSSH refuses a key that others may read
			t.Fatal(err)
		}
	}
	return address, []string{"-F", "/dev/null", "-i", filepath.Join(dir, "key"), "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + filepath.Join(dir, "known"), "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"}
}

// sshKey makes a key pair, and the private one as OpenSSH's client reads it.
func sshKey(t testing.TB) (ssh.Signer, string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

func serveSSH(ctx context.Context, c net.Conn, config *ssh.ServerConfig, shell func(context.Context, string) *exec.Cmd) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return // a client that is not let in, or does not trust us
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if session, requests, err := offered.Accept(); err == nil {
			go serveSession(ctx, session, requests, shell)
		}
	}
}

// serveSession runs the one command of a session.
func serveSession(ctx context.Context, session ssh.Channel, requests <-chan *ssh.Request, shell func(context.Context, string) *exec.Cmd) {
	defer session.Close()
	var env []string
	for r := range requests {
		var in struct{ Name, Value string }
		switch {
		case r.Type == "env" && ssh.Unmarshal(r.Payload, &in) == nil && in.Name == "GIT_PROTOCOL":
			env = append(env, in.Name+"="+in.Value)
			_ = r.Reply(true, nil)
		case r.Type == "exec":
			_ = r.Reply(true, nil)
			var in struct{ Command string }
			_ = ssh.Unmarshal(r.Payload, &in) // of what is no command the shell makes none
			cmd := shell(ctx, in.Command)
			cmd.Env = append(cmd.Environ(), env...)
			status := struct{ Code uint32 }{runSession(session, cmd)}
			_, _ = session.SendRequest("exit-status", false, ssh.Marshal(status))
			return
		default:
			_ = r.Reply(false, nil)
		}
	}
}

func runSession(session ssh.Channel, cmd *exec.Cmd) uint32 {
	cmd.Stdout, cmd.Stderr = session, session.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return 127
	}
	go func() { // not cmd.Stdin: the client closes it only once it has seen the end
		_, _ = io.Copy(stdin, session)
		stdin.Close()
	}()
	_ = cmd.Wait()
	return uint32(cmd.ProcessState.ExitCode())
}
