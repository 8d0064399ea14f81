package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/catalog"
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

// planFormats are the forms that a plan is printed in, the default first.
var planFormats = []string{"table", "json", "mermaid"}

func (p *program) platformPlan() *cobra.Command {
	var f platformFlags
	var format string
	profile, _ := spec.SetupPlatform.Input("profile")
	var chosen, own string
	var components, sizes []string
	cmd := p.command("plan", "Print what setup-platform would make, and check the machine; change nothing",
		func(ctx context.Context, rt *Runtime, _ []string) error {
			if !slices.Contains(planFormats, format) {
				return exit.BadInputf("format %q is none of %s", format, strings.Join(planFormats, ", "))
			}
			o, err := platformOptions(rt, f.name, f.stateDir)
			if err != nil {
				return err
			}
			if o.Catalog, err = withOwn(o.Catalog, own); err != nil {
				return err
			}
			o.Profile = chosen
			if o.Choice, err = catalog.ParseChoice(words(components), words(sizes)); err != nil {
				return err
			}
			plan, err := setupplatform.Plan(ctx, o)
			if err != nil {
				return err
			}
			switch format {
			case "json":
				enc := json.NewEncoder(p.stdout)
				enc.SetIndent("", "  ")
				return enc.Encode(plan.JSON())
			case "mermaid":
				_, err = fmt.Fprint(p.stdout, plan.Mermaid())
			default:
				_, err = fmt.Fprint(p.stdout, plan.Table())
			}
			return err
		})
	cmd.Flags().StringVar(&format, "format", planFormats[0], "form of the plan: "+strings.Join(planFormats, ", "))
	cmd.Flags().StringVar(&chosen, "profile", profile.Default, profile.Description)
	for name, into := range map[string]*[]string{"components": &components, "sizes": &sizes} {
		in, _ := spec.SetupPlatform.Input(name)
		cmd.Flags().StringArrayVar(into, name, nil, in.Description)
	}
	catalogDir, _ := spec.SetupPlatform.Input("catalog-dir")
	cmd.Flags().StringVar(&own, "catalog-dir", "", catalogDir.Description)
	return f.add(cmd)
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
				rt.Progress(fmt.Sprintf("platform %s is not there", f.name))
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
			if _, err := fmt.Fprint(p.stdout, b.String()); err != nil {
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
			console := newConsole(rt)
			o.Observe = console.Observe
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
