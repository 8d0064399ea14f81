package app

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/spec"
)

// platformPlan takes what setup-platform takes: with files of the user's own and a
// cluster that is there, the plan is another one.
func (p *program) platformPlan() *cobra.Command {
	plan := spec.Action{
		Name:        "plan",
		Description: "Print what setup-platform would make, and check the machine; change nothing",
		Inputs: append([]spec.Input{
			{Name: "format", Kind: spec.Choice, Values: []string{"table", "json", "mermaid"}, Default: "table", Description: "Form of the plan."},
		}, slices.DeleteFunc(slices.Clone(spec.SetupPlatform.Inputs), func(in spec.Input) bool {
			return in.Name == "dry-run" || in.Name == "timeout" // nothing is done that could take long
		})...),
	}
	cmd := p.action(plan, func(ctx context.Context, rt *Runtime, in spec.Values) error {
		o, err := platformInputs(rt, in)
		if err != nil {
			return err
		}
		plan, err := setupplatform.Plan(ctx, o)
		if err != nil {
			return err
		}
		switch in.String("format") {
		case "json":
			text, err := json.MarshalIndent(plan.JSON(), "", "  ")
			rt.Text(string(text) + "\n")
			return err
		case "mermaid":
			rt.Text(plan.Mermaid())
		default:
			rt.Text(plan.Table())
		}
		return nil
	})
	cmd.GroupID = "" // its parent has none
	return cmd
}
