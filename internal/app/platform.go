package app

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/spec"
)

// platform is the commands around a platform; setup-platform makes it.
func (p *program) platform() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "platform",
		Short: "Show what a platform would be, how it is, and take it down",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.BadInputf("unknown command %q: hyaction platform --help lists the commands", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.platformPlan(), p.platformStatus(), p.platformDown())
	return cmd
}

// platformFlags are the flags that say which platform is meant.
type platformFlags struct{ name, stateDir string }

func (f *platformFlags) add(cmd *cobra.Command) *cobra.Command {
	name, _ := spec.SetupPlatform.Input("name")
	dir, _ := spec.SetupPlatform.Input("state-dir")
	cmd.Flags().StringVar(&f.name, "name", name.Default, name.Description)
	cmd.Flags().StringVar(&f.stateDir, "state-dir", "", dir.Description)
	return cmd
}

func (p *program) platformStatus() *cobra.Command {
	var f platformFlags
	return f.add(p.command("status", "Print how each component of a platform is; exit code 1 if one is not ready",
		func(ctx context.Context, rt *Runtime, _ []string) error {
			o, err := platformOptions(rt, f.name, f.stateDir)
			if err != nil {
				return err
			}
			states, err := setupplatform.Status(ctx, o)
			if err != nil {
				return err
			}
			if len(states) == 0 {
				rt.Progress(fmt.Sprintf("platform %s is not there: there is no record of it in %s", f.name, o.StateDir))
				return nil
			}
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			var down []string
			for _, s := range states {
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.Component.Name, s.Component.Tier, s.Text)
				if !s.Up() {
					down = append(down, s.Component.Name)
				}
			}
			_ = w.Flush() // a strings.Builder never fails
			if err := p.gha.Text(b.String()); err != nil {
				return err
			}
			if len(down) > 0 {
				return fmt.Errorf("platform %s is not whole: %s: run setup-platform again", f.name, strings.Join(down, ", "))
			}
			return nil
		}))
}

func (p *program) platformDown() *cobra.Command {
	var f platformFlags
	var keepCache bool
	cmd := p.command("down", "Remove what setup-platform made, and nothing else",
		func(ctx context.Context, rt *Runtime, _ []string) error {
			o, err := platformOptions(rt, f.name, f.stateDir)
			if err != nil {
				return err
			}
			o.KeepCache = keepCache
			console := watch(rt, &o)
			res, err := setupplatform.Down(ctx, o)
			console.Close()
			if err != nil {
				return err
			}
			if n := removed(res.Steps); n > 0 {
				rt.Progress(fmt.Sprintf("platform %s is down: %d components removed in %s", f.name, n, seconds(res.End.Sub(res.Start))))
			} else {
				rt.Progress(fmt.Sprintf("unchanged: nothing of platform %s is there", f.name))
			}
			return nil
		})
	cmd.Flags().BoolVar(&keepCache, "keep-cache", false, "leave the images that the caches hold: the next platform of this name pulls less")
	return f.add(cmd)
}
