// Package app is the command line of hyaction: it turns flags and environment
// into the options of an action, runs it, and turns what comes back into
// outputs, a summary, one line for the error and an exit code.
//
// It alone knows every action and every driver, reads the environment, and
// speaks to the runner. An action is wired in one file (see setup.go) and listed
// once, in commands.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gha"
	"github.com/buenhyden/hy-home/internal/spec"
)

// commands is the list of everything hyaction can do.
func (p *program) commands() []*cobra.Command {
	return []*cobra.Command{
		p.action(spec.Setup, setup),
		p.action(spec.SetupPlatform, setupPlatform),
		p.action(spec.BuildPush, buildPush),
		p.action(spec.BumpImage, bumpImage),
		p.canaryGate(),
		p.platform(),
		p.infra(),
		p.lock(),
		p.probe(),
		p.version(),
	}
}

// program is one run of hyaction.
type program struct {
	env    environment
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	gha    *gha.Runner
	title  string // of the error annotation: the command that ran
	debug  bool
}

// Main runs hyaction and returns its exit code. environ has the form of
// os.Environ; ctx is cancelled when the process shall stop.
func Main(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := parseEnviron(environ)
	p := &program{
		env: env, stdin: stdin, stdout: stdout, stderr: stderr,
		gha:   gha.New(stdout, stderr, env.get),
		title: "hyaction",
	}
	root := p.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exit.OK
	}
	p.gha.Error(p.title, strings.TrimSpace(err.Error()))
	return codeOf(ctx, err)
}

// codeOf is the exit code of err. What broke after the process was told to stop
// broke because of that.
func codeOf(ctx context.Context, err error) int {
	code := exit.Code(err)
	if code == exit.Failed && errors.Is(ctx.Err(), context.Canceled) {
		return exit.Cancelled
	}
	return code
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "hyaction COMMAND",
		Short: "Stand a hybrid platform up, and walk a release through it",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.BadInputf("unknown command %q: hyaction --help lists the commands", args[0])
			}
			return nil
		},
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true, // Main writes the one line
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.PersistentFlags().BoolVar(&p.debug, "debug", false, "tell every step of what is done")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exit.BadInputf("%s: %s --help lists the flags", flagFault(err), cmd.CommandPath())
	})
	root.SetHelpCommand(help())
	root.SetHelpTemplate(root.HelpTemplate() + exitCodes)
	root.AddGroup(&cobra.Group{ID: groupActions, Title: "Actions:"})
	root.AddCommand(p.commands()...)
	return root
}

const groupActions = "actions"

// exitCodes ends every help text.
const exitCodes = `
Exit codes:
  0    done
  1    failed
  2    bad input; nothing was changed
  3    the gate says no
  4    inconclusive, or out of time
  130  cancelled
`

// command makes a command of hyaction that is no action: its flags are its own,
// and it takes exactly the named arguments.
func (p *program) command(use, short string, run func(ctx context.Context, rt *Runtime, args []string) error) *cobra.Command {
	want := strings.Fields(use)[1:]
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != len(want) {
				return exit.BadInputf("%s takes %s, got %s", cmd.CommandPath(), countArgs(want), quoted(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p.title = cmd.Name()
			rt := p.runtime(nil)
			return rt.close(run(cmd.Context(), rt, args))
		},
	}
}

func countArgs(want []string) string {
	if len(want) == 0 {
		return "no arguments"
	}
	return strings.Join(want, " and ")
}

func quoted(args []string) string {
	if len(args) == 0 {
		return "nothing"
	}
	return strings.Trim(fmt.Sprintf("%q", args), "[]")
}

// flagFault says what is wrong with a flag that the library reads itself, without
// the words of strconv.
func flagFault(err error) string {
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return err.Error()
	}
	want := map[string]string{"bool": "true or false", "duration": "a duration such as 90s"}[value.GetFlag().Value.Type()]
	if want == "" {
		return err.Error()
	}
	return fmt.Sprintf("flag --%s is %q: it must be %s", value.GetFlag().Name, value.GetValue(), want)
}

// help is the library's command, which shows the help of the root for a command
// that there is none of.
func help() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Show what a command does, and its flags",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return exit.BadInputf("unknown command %q: hyaction --help lists the commands", strings.Join(args, " "))
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
