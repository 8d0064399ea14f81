// Command hyaction is the one binary behind the actions of hy-home.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/buenhyden/hy-home/internal/app"
	_ "github.com/buenhyden/hy-home/internal/boot" // before the rest of what is imported
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the process, whatever it is at
	os.Exit(app.Main(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
