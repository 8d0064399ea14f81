package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gha"
	"github.com/buenhyden/hy-home/internal/spec"
)

// result is what one run of hyaction left behind.
type result struct {
	code     int
	out, err string
	outputs  string // what was written to GITHUB_OUTPUT
}

// hyaction runs Main with a command line and an environment.
func hyaction(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	environ = append([]string{
		"GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "GITHUB_ENV=" + filepath.Join(dir, "env"),
		"GITHUB_PATH=" + filepath.Join(dir, "path"), "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
	}, environ...)
	var out, err bytes.Buffer
	code := Main(t.Context(), args, environ, strings.NewReader(""), &out, &err)
	outputs, _ := os.ReadFile(filepath.Join(dir, "output"))
	return result{code: code, out: out.String(), err: err.String(), outputs: string(outputs)}
}

func TestMain_EndsInOneLineAndACode(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		args    []string
		code    int
		out     string // start of stdout
		err     string // the whole of stderr
	}{
		{name: "version", args: []string{"version"}, out: "hyaction devel "},
		{name: "no command prints the help", out: "Stand a hybrid platform up"},
		{name: "an unknown command", args: []string{"bump"}, code: 2, err: "error: unknown command \"bump\": hyaction --help lists the commands\n"},
		{name: "an unknown flag", args: []string{"setup", "--fast"}, code: 2, err: "error: unknown flag: --fast: hyaction setup --help lists the flags\n"},
		{name: "an argument to an action", args: []string{"setup", "now"}, code: 2, err: "error: hyaction setup takes flags only, got \"now\"\n"},
		{name: "an argument to a command", args: []string{"version", "now"}, code: 2, err: "error: hyaction version takes no arguments, got \"now\"\n"},
		{name: "in Actions it is an annotation", environ: []string{"GITHUB_ACTIONS=true"}, args: []string{"bump"}, code: 2, out: "::error title=hyaction::unknown command \"bump\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := hyaction(t, tt.environ, tt.args...)
			if r.code != tt.code {
				t.Errorf("exit code %d, want %d", r.code, tt.code)
			}
			if !strings.HasPrefix(r.out, tt.out) {
				t.Errorf("stdout starts with %q, want %q", r.out, tt.out)
			}
			if r.err != tt.err {
				t.Errorf("stderr is %q, want %q", r.err, tt.err)
			}
		})
	}
}

func TestHelp_EndsWithTheExitCodes(t *testing.T) {
	p := &program{gha: gha.New(nil, nil, func(string) string { return "" })}
	for _, cmd := range p.root().Commands() {
		if cmd.Hidden || cmd.Name() == "help" {
			continue
		}
		t.Run(cmd.Name(), func(t *testing.T) {
			if r := hyaction(t, nil, cmd.Name(), "--help"); !strings.HasSuffix(r.out, exitCodes) || r.code != 0 {
				t.Errorf("the help ends with %q", r.out[max(0, len(r.out)-80):])
			}
		})
	}
}

func TestCommands_AreEveryDeclaredAction(t *testing.T) {
	p := &program{gha: gha.New(nil, nil, func(string) string { return "" })}
	root := p.root()
	for _, a := range spec.All() {
		cmd, _, err := root.Find([]string{a.Name})
		if err != nil || cmd.Name() != a.Name {
			t.Errorf("action %s is declared, and no command runs it", a.Name)
		}
	}
}

func TestSetup_PutsTheBinaryOnThePath(t *testing.T) {
	r := hyaction(t, []string{"GITHUB_ACTIONS=true"}, "setup")
	if r.code != 0 || !strings.Contains(r.outputs, "version<<hy_") || !strings.Contains(r.outputs, "path<<hy_") {
		t.Errorf("exit code %d, outputs %q, log %q", r.code, r.outputs, r.out)
	}
}

// sample is an action that tells what reached it.
var sample = spec.Action{
	Name: "sample-action", Description: "Tell what it got.",
	Inputs: []spec.Input{
		{Name: "image", Required: true, Description: "Image."},
		{Name: "dry-run", Kind: spec.Bool, Default: "false", Description: "Nothing."},
		{Name: "tags", Kind: spec.List, Description: "Tags."},
		{Name: "token", Secret: true, Description: "Token."},
	},
	Outputs: []spec.Output{{Name: "verdict", Description: "Verdict."}},
}

// runSample runs the sample action with a function of its own.
func runSample(t *testing.T, environ, args []string, run runFunc) (string, error) {
	t.Helper()
	var out, err bytes.Buffer
	env := parseEnviron(environ)
	p := &program{env: env, stdout: &out, stderr: &err, gha: gha.New(&out, &err, env.get)}
	root := &cobra.Command{Use: "hyaction", SilenceErrors: true, SilenceUsage: true}
	root.AddGroup(&cobra.Group{ID: groupActions})
	root.AddCommand(p.action(sample, run))
	root.SetArgs(append([]string{"sample-action"}, args...))
	failure := root.ExecuteContext(t.Context())
	return out.String() + err.String(), failure
}

func TestAction_FlagsWinOverVariables(t *testing.T) {
	environ := []string{"INPUT_IMAGE=from-env", "INPUT_TAGS=a\nb", "INPUT_DRY_RUN=true", "INPUT_TOKEN=s3cret"}
	_, err := runSample(t, environ, []string{"--image", "from-flag", "--tags", "x", "--tags", "y", "--dry-run=false"},
		func(_ context.Context, rt *Runtime, in spec.Values) error {
			if got := in.String("image"); got != "from-flag" {
				t.Errorf("image = %q", got)
			}
			if got := strings.Join(in.List("tags"), " "); got != "x y" {
				t.Errorf("tags = %q", got)
			}
			if in.Bool("dry-run") {
				t.Error("dry-run = true")
			}
			if got := in.String("token"); got != "s3cret" {
				t.Errorf("token = %q", got)
			}
			for _, line := range rt.Environ() {
				if strings.Contains(line, "s3cret") {
					t.Errorf("a child process would get %q", line)
				}
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAction_NamesWhatIsWrongAsTheCallerWroteIt(t *testing.T) {
	none := func(context.Context, *Runtime, spec.Values) error {
		t.Error("the action ran")
		return nil
	}
	tests := []struct {
		name          string
		environ, args []string
		want          string
	}{
		{"flag", nil, []string{"--image=a", "--dry-run=yes"}, `flag --dry-run is "yes": it must be true or false`},
		{"variable", []string{"INPUT_DRY_RUN=yes"}, []string{"--image=a"}, `INPUT_DRY_RUN is "yes": it must be true or false`},
		{"input", []string{"GITHUB_ACTIONS=true", "INPUT_DRY_RUN=yes"}, []string{"--image=a"}, `input dry-run is "yes": it must be true or false`},
		{"secret as flag", nil, []string{"--image=a", "--token=x"}, `unknown flag: --token`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runSample(t, tt.environ, tt.args, none)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestAction_MasksSecretsFirst(t *testing.T) {
	out, err := runSample(t, []string{"GITHUB_ACTIONS=true", "INPUT_IMAGE=a", "INPUT_TOKEN=s3cret"}, nil,
		func(_ context.Context, rt *Runtime, _ spec.Values) error {
			rt.Progress("pushing")
			return nil
		})
	if err != nil || !strings.HasPrefix(out, "::add-mask::s3cret\n") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestAction_WarnsOfUnknownInputs(t *testing.T) {
	out, err := runSample(t, []string{"INPUT_IMAGE=a", "INPUT_IMGE=b"}, nil,
		func(context.Context, *Runtime, spec.Values) error { return nil })
	if want := "warning: INPUT_IMGE is set, but sample-action has no such input\n"; err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

func TestAction_FailsWhenAnOutputIsLost(t *testing.T) {
	_, err := runSample(t, []string{"GITHUB_ACTIONS=true", "INPUT_IMAGE=a"}, nil,
		func(_ context.Context, rt *Runtime, _ spec.Values) error {
			rt.Output("verdict", "passed")
			return nil
		})
	if want := "output verdict: GITHUB_OUTPUT is not set, though GITHUB_ACTIONS is true"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRuntime_PanicsOnAnUndeclaredOutput(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	_, _ = runSample(t, []string{"INPUT_IMAGE=a"}, nil, func(_ context.Context, rt *Runtime, _ spec.Values) error {
		rt.Output("verdct", "passed")
		return nil
	})
}

func TestMain_CancelledWins(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// The context reaches commands through cobra; version ignores it and ends well.
	var out, err bytes.Buffer
	if code := Main(ctx, []string{"version"}, nil, strings.NewReader(""), &out, &err); code != exit.OK {
		t.Errorf("exit code %d of a command that ended well, want 0", code)
	}
	if code := codeOf(ctx, os.ErrClosed); code != exit.Cancelled {
		t.Errorf("exit code %d of a command that broke when it was told to stop, want 130", code)
	}
	if code := codeOf(ctx, exit.Refusedf("no")); code != exit.Refused {
		t.Errorf("exit code %d of a verdict, want 3", code)
	}
}
