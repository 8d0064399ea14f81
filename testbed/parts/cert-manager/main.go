// Command cert-manager is the controller, the webhook and the CA injector of
// cert-manager in one executable, which looks at the name it was called by.
//
// Upstream's three mains lie in modules of their own, which no module proxy serves;
// these stand in for them and put together the same packages. The module's path is
// beneath upstream's because some of these packages are internal there. What issues
// by ACME, Vault or Venafi is left out, and with it the libraries of all clouds.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	ctrl "sigs.k8s.io/controller-runtime"
)

var programs = map[string]func(context.Context, []string) error{
	"controller": controller, "webhook": webhook, "cainjector": caInjector,
}

func main() {
	name := filepath.Base(os.Args[0])
	program, ok := programs[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "cert-manager: called as", name, "and not as controller, webhook or cainjector")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logf.InitLogs()
	ctrl.SetLogger(logf.Log)
	if err := program(logf.NewContext(ctx, logf.Log, name), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}
