// Command runc-bounded is runc for hosts that may not grant everything: it
// lowers what a container asks for to what this process could hand on, then
// becomes runc.
//
// Some virtual machines run without CAP_SYS_RESOURCE in the capability bounding
// set. There runc refuses every privileged container ("unable to apply caps:
// operation not permitted"), since it asks for all capabilities and the kernel
// gives none that the bounding set lacks; raising a resource limit and lowering
// oom_score_adj fail for the same reason. On a host with every capability
// runc-bounded changes nothing.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "runc-bounded:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if file, inBundle := specFile(args); file != "" {
		limits, err := hostLimits()
		if err != nil {
			return err
		}
		if err := fitFile(file, inBundle, limits); err != nil {
			return err
		}
	}
	runc, err := findRunc()
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, args...), os.Environ())
}

// findRunc looks in the sbin directories too: containerd's shims are started
// with whatever PATH containerd has.
func findRunc() (string, error) {
	for _, path := range []string{"/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return exec.LookPath("runc")
}
