// Command sealed-secrets-controller is the controller of Sealed Secrets, which
// knows a cluster from inside only: it reads the address from its environment and
// the token of its service account from a path that is written into client-go.
//
// Here it runs as a process beside the cluster. It starts itself anew in a mount
// namespace of its own, lays an empty /run over the machine's there, and puts at
// that path what lies in the directory ACCOUNT: token, namespace and ca.crt, as
// a pod has them.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bitnami/sealed-secrets/pkg/controller"
	flag "github.com/spf13/pflag"
)

// account is where client-go looks, with /var/run being /run.
const account = "/run/secrets/kubernetes.io/serviceaccount"

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("usage: sealed-secrets-controller ACCOUNT"))
	}
	if os.Getenv("SEALED_SECRETS_INSIDE") == "" {
		fail(outside(os.Args[1]))
	}
	fail(inside(os.Args[1]))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "sealed-secrets-controller:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// outside starts this program again where mounts are its own. Whoever is not root
// becomes it in there.
func outside(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, dir)
	cmd.Env = append(os.Environ(), "SEALED_SECRETS_INSIDE=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd.Run()
}

func inside(dir string) error {
	files := map[string][]byte{}
	for _, name := range []string{"token", "namespace", "ca.crt"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		files[name] = text
	}
	// Private first: the machine's own /run must not learn of it.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount a /run of its own: %w", err)
	}
	if err := os.MkdirAll(account, 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(account, name), text, 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{"listen-addr", "listen-metrics-addr"} { // of the library's own
		if err := flag.Set(name, "127.0.0.1:0"); err != nil {
			return err
		}
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
	// As the chart of the catalog starts it.
	return controller.Main(&controller.Flags{
		KeyPrefix: "sealed-secrets-key", KeySize: 4096, ValidFor: 10 * 365 * 24 * time.Hour, KeyOrderPriority: "CertNotBefore",
		AcceptV1Data: true, NamespaceAll: true, RateLimitPerSecond: 2, RateLimitBurst: 2, UpdateStatus: true,
		WatchForSecrets: true, MaxRetries: 5, KubeClientQPS: 20, KubeClientBurst: 40,
	}, "v0.40.0")
}
