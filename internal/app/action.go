package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/spec"
)

// runFunc is an action as it is wired: it maps the inputs to the options of its
// package, runs it, and hands the result to the runtime.
type runFunc func(ctx context.Context, rt *Runtime, in spec.Values) error

// action makes the command of a declared action. Each input is read from its
// flag, then from INPUT_*; secrets from INPUT_* alone.
func (p *program) action(a spec.Action, run runFunc) *cobra.Command {
	cmd := &cobra.Command{
		Use:     a.Name,
		Short:   a.Description,
		Long:    a.Description + variablesHelp(a),
		GroupID: groupActions,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.BadInputf("%s takes flags only, got %q", cmd.CommandPath(), args[0])
			}
			return nil
		},
	}
	output := "text"
	if len(a.Outputs) > 0 {
		cmd.Flags().StringVar(&output, "output", output, "what to print on standard output: text or json (the outputs)")
	}
	given := make(map[string]*inputFlag, len(a.Inputs))
	for _, in := range a.Inputs {
		if in.Secret {
			continue
		}
		f := &inputFlag{input: in}
		given[in.Name] = f
		flag := cmd.Flags().VarPF(f, in.Name, "", flagUsage(in))
		if in.Kind == spec.Bool {
			flag.NoOptDefVal = "true"
		}
		if in.Each != "" {
			cmd.Flags().Var(f, in.Each, "One of "+in.Name+". May be repeated.")
		}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p.title = a.Name
		p.warnUnknown(a)
		in, err := spec.Parse(a, func(in spec.Input) (string, string) {
			if f := given[in.Name]; f != nil && f.set {
				return f.text, "flag --" + in.Name
			}
			text := p.env.get(in.Env())
			if in.Secret {
				p.gha.Mask(text)
			}
			if p.gha.InActions() {
				return text, "input " + in.Name
			}
			return text, in.Env()
		})
		if err != nil {
			return err
		}
		rt := p.runtime(&a)
		switch output {
		case "text":
		case "json":
			rt.outputs = map[string]string{}
		default:
			return exit.BadInputf("flag --output is %q: it must be text or json", output)
		}
		return rt.close(run(cmd.Context(), rt, in))
	}
	return cmd
}

// warnUnknown tells of INPUT_* variables that the action does not declare: most
// often a typing error. It is not refused, as they may be meant for another
// action around this one.
func (p *program) warnUnknown(a spec.Action) {
	var known []string
	for _, in := range a.Inputs {
		known = append(known, in.Env())
	}
	for _, name := range p.env.names() {
		if strings.HasPrefix(name, "INPUT_") && !slices.Contains(known, strings.ReplaceAll(name, "-", "_")) {
			p.gha.Warning(a.Name, fmt.Sprintf("%s is set, but %s has no such input", name, a.Name))
		}
	}
}

// inputFlag holds the text of a flag; spec.Parse judges it, so that a flag and a
// variable get the same sentence. A list's flag may be repeated.
type inputFlag struct {
	input spec.Input
	text  string
	set   bool
}

func (f *inputFlag) String() string { return f.input.Default }
func (f *inputFlag) Type() string   { return f.input.Kind.String() }
func (f *inputFlag) Set(s string) error {
	if f.set && f.input.Kind == spec.List {
		s = f.text + "\n" + s
	}
	f.text, f.set = s, true
	return nil
}

func flagUsage(in spec.Input) string {
	usage := in.Description
	if in.Required {
		usage += " Required."
	}
	if in.Kind == spec.Choice {
		usage += " One of " + strings.Join(in.Values, ", ") + "."
	}
	if in.Kind == spec.List {
		usage += " May be repeated."
	}
	return usage
}

// variablesHelp tells how inputs are given by the environment.
func variablesHelp(a spec.Action) string {
	var flags, secrets []spec.Input
	for _, in := range a.Inputs {
		if in.Secret {
			secrets = append(secrets, in)
		} else {
			flags = append(flags, in)
		}
	}
	var b strings.Builder
	if len(flags) > 0 {
		fmt.Fprintf(&b, "\n\nEach flag can be given as a variable too: --%s is %s. Flags win.\n", flags[0].Name, flags[0].Env())
	}
	if len(secrets) > 0 {
		b.WriteString("\nOnly as variable, since other users can read argument lists:\n")
	}
	for _, in := range secrets {
		fmt.Fprintf(&b, "  %s  %s\n", in.Env(), in.Description)
	}
	return b.String()
}
