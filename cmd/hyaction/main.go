// Command hyaction is the one binary behind the actions of hy-home.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/buenhyden/hy-home/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(app.Main(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
