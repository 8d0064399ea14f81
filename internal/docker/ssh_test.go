package docker

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// With OpenSSH's client here, and the docker command at the other end, which leads to
// that machine's own engine or to the socket that the address names.
func TestEngine_BehindSSH(t *testing.T) {
	if _, err := exec.LookPath("docker"); err != nil {
		testkit.Missing(t, "the docker command is not installed, which the other end of the connection needs")
	}
	socket := filepath.Join(t.TempDir(), "engine.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.45")
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"NCPU":7}`)
	})}
	go s.Serve(l) // it ends with the test, with an error that says so
	t.Cleanup(func() { _ = s.Close() })
	address, flags := testkit.SSH(t, func(ctx context.Context, command string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "DOCKER_HOST=unix://" + socket}
		return cmd
	})
	// Nobody but the docker command's library calls ssh, and by its name alone.
	client, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(t.TempDir(), "ssh")
	through := func(flags []string) {
		if err := os.WriteFile(wrapper, []byte("#!/bin/sh\nexec '"+client+"' "+strings.Join(flags, " ")+` "$@"`+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Dir(wrapper)+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, host := range []string{"ssh://somebody@" + address, "ssh://somebody@" + address + socket} {
		through(flags)
		e := &Engine{Host: host}
		c, err := e.Client(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		facts, err := e.Facts(t.Context())
		if err != nil || c.ClientVersion() != "1.45" || facts.CPUs != 7 || facts.Local {
			t.Errorf("%s: API %s, %+v, %v", host, c.ClientVersion(), facts, err)
		}
		if err := e.Here(t.Context()); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), host+" is on another machine") {
			t.Errorf("%s: %v", host, err)
		}
		_ = e.Close()

		through(append([]string{"-o", "UserKnownHostsFile=/dev/null"}, flags...)) // the first one counts
		e = &Engine{Host: host}
		if _, err := e.Client(t.Context()); exit.Code(err) != exit.BadInput || err.Error() != "the Docker engine at "+host+" does not answer: Host key verification failed." {
			t.Errorf("a host that is not known: %v", err)
		}
	}
	if err := (&Engine{Host: server(t, "1.41")}).Here(t.Context()); err != nil {
		t.Errorf("without ssh: %v", err)
	}
}
