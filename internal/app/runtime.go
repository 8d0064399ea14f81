package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/buenhyden/hy-home/internal/gha"
	"github.com/buenhyden/hy-home/internal/spec"
)

// Runtime is what the wiring of a command may do to the world around it. It
// carries the first fault of a write to the end of the command, which then
// fails: wiring need not check each output.
type Runtime struct {
	Log *slog.Logger // debug output; silent unless --debug or the job's debug logging is on

	program *program
	action  *spec.Action // nil for a command that is no action
	gha     *gha.Runner
	fault   error
	outputs map[string]string // what was set, if it is to be printed as JSON
}

func (p *program) runtime(a *spec.Action) *Runtime {
	log := slog.New(slog.DiscardHandler)
	if p.debug || p.gha.Debugging() || p.env.get("HYACTION_DEBUG") == "1" {
		log = slog.New(slog.NewTextHandler(debugWriter{p.gha}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return &Runtime{Log: log, program: p, action: a, gha: p.gha}
}

// Output sets an output that the action declares; any other name panics.
func (rt *Runtime) Output(name, value string) {
	if rt.action == nil || !rt.action.HasOutput(name) {
		panic(fmt.Sprintf("app: output %q is not declared", name))
	}
	if rt.outputs != nil {
		rt.outputs[name] = value
	}
	if !rt.onlyJSON() {
		rt.keep(rt.gha.Output(name, value))
	}
}

// JSON reports whether the outputs are printed as JSON, and nothing else.
func (rt *Runtime) JSON() bool { return rt.outputs != nil }

// onlyJSON reports that standard output is for the JSON alone. In a job the runner
// has files for the rest.
func (rt *Runtime) onlyJSON() bool { return rt.JSON() && !rt.InActions() }

// Summary appends Markdown to the job summary.
func (rt *Runtime) Summary(markdown string) {
	if !rt.onlyJSON() {
		rt.keep(rt.gha.Summary(markdown))
	}
}

// Setenv sets a variable for the steps that follow. Never give it foreign text.
func (rt *Runtime) Setenv(name, value string) {
	if !rt.onlyJSON() {
		rt.keep(rt.gha.Env(name, value))
	}
}

// AddPath puts a directory on the PATH of the steps that follow.
func (rt *Runtime) AddPath(dir string) { rt.keep(rt.gha.Path(dir)) }

// Mask hides a secret in everything the job prints from now on.
func (rt *Runtime) Mask(secret string) { rt.gha.Mask(secret) }

// Group folds what fn prints under a title.
func (rt *Runtime) Group(title string, fn func() error) error { return rt.gha.Group(title, fn) }

// Foreign prints text that others wrote, with the runner told to ignore commands.
func (rt *Runtime) Foreign(text string) { rt.gha.Foreign(text) }

// Text prints the result of a command that is asked for text.
func (rt *Runtime) Text(text string) {
	if rt.outputs == nil {
		rt.keep(rt.gha.Text(text))
	}
}

// Progress prints what is being done now, one line or several.
func (rt *Runtime) Progress(text string) { rt.gha.Say(text) }

// Warning makes an annotation titled with the action's name.
func (rt *Runtime) Warning(message string) { rt.gha.Warning(rt.program.title, message) }

// Notice makes an annotation titled with the action's name.
func (rt *Runtime) Notice(message string) { rt.gha.Notice(rt.program.title, message) }

// InActions reports whether this is a step of a job rather than a terminal.
func (rt *Runtime) InActions() bool { return rt.gha.InActions() }

// Getenv reads a variable of the environment hyaction was started with.
func (rt *Runtime) Getenv(name string) string { return rt.program.env.get(name) }

// RunURL is the page of the workflow run; empty outside of one.
func (rt *Runtime) RunURL() string {
	id := rt.Getenv("GITHUB_RUN_ID")
	if id == "" {
		return ""
	}
	return rt.Getenv("GITHUB_SERVER_URL") + "/" + rt.Getenv("GITHUB_REPOSITORY") + "/actions/runs/" + id
}

// Environ returns that environment for a process to be started, without the
// inputs of the action: a child has no business with its tokens.
func (rt *Runtime) Environ() []string { return rt.program.env.withoutInputs() }

// hideInputs takes the inputs out of this process's own environment, which a library hands to
// the processes that it starts: kustomize to git.
func (rt *Runtime) hideInputs() {
	for _, name := range rt.program.env.names() {
		if strings.HasPrefix(name, "INPUT_") {
			rt.keep(os.Unsetenv(name))
		}
	}
}

func (rt *Runtime) keep(err error) {
	if rt.fault == nil {
		rt.fault = err
	}
}

// close joins the command's error with the first fault of a write. The
// command's own error goes first, and decides the exit code. A gate that says no
// has outputs too; bad input has none.
func (rt *Runtime) close(err error) error {
	if rt.outputs != nil && (err == nil || len(rt.outputs) > 0) {
		enc := json.NewEncoder(rt.program.stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		rt.keep(enc.Encode(rt.outputs))
	}
	if err == nil {
		return rt.fault
	}
	if rt.fault != nil {
		return errors.Join(err, rt.fault)
	}
	return err
}

// debugWriter makes a debug line of each line of the log.
type debugWriter struct{ gha *gha.Runner }

func (w debugWriter) Write(b []byte) (int, error) {
	w.gha.Debug(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}
