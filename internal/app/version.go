package app

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/version"
)

func (p *program) version() *cobra.Command {
	return p.command("version", "Print the release, the platform and the Go version of this binary",
		func(context.Context, *Runtime, []string) error {
			_, err := fmt.Fprintln(p.stdout, version.String())
			return err
		})
}
