// Package gha speaks the protocol of the GitHub Actions runner: outputs,
// environment, path, job summary, masks, groups, annotations, and the fence
// around foreign text. Outside Actions the same calls print for a person.
//
// It is the only importer of go-githubactions, and uses the two lowest calls of
// it alone. The comfortable ones write files with a fixed heredoc delimiter, so
// that a commit message which contains that delimiter forges other outputs, and
// they panic when a file cannot be written.
package gha

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/sethvargo/go-githubactions"
)

// Runner writes to one step of one job, or to a terminal. It is safe for use by
// several goroutines: what one call writes stays together.
type Runner struct {
	mu      sync.Mutex
	actions bool
	getenv  func(string) string
	cmd     *githubactions.Action
	out     io.Writer // what a caller of the command may pipe: outputs and the summary
	err     io.Writer // what happens meanwhile
	marks   map[string]int
	grouped bool
	// summarized is how much this step has written to its summary.
	summarized int
	random     func() string // makes a delimiter; tests replace it
}

// New returns a runner that writes to out and err. It speaks the runner's
// protocol when getenv says GITHUB_ACTIONS=true, and then uses out alone so that
// the order of lines is kept; otherwise outputs and the summary go to out and
// everything else goes to err.
func New(out, err io.Writer, getenv func(string) string) *Runner {
	r := &Runner{
		actions: getenv("GITHUB_ACTIONS") == "true",
		getenv:  getenv,
		out:     out,
		err:     err,
		marks:   map[string]int{},
		random:  randomToken,
	}
	if r.actions {
		r.err = out
	}
	r.cmd = githubactions.New(githubactions.WithWriter(out), githubactions.WithGetenv(getenv))
	return r
}

// InActions reports whether the process is a step of a GitHub Actions job.
func (r *Runner) InActions() bool { return r.actions }

// Debugging reports whether the job was started with debug logging.
func (r *Runner) Debugging() bool { return r.getenv("RUNNER_DEBUG") == "1" }

// command writes one `::name properties::message` line.
func (r *Runner) command(name, message string, properties map[string]string) {
	// A write to the runner's pipe fails only when the runner is gone; then
	// there is nobody to tell.
	defer func() { _ = recover() }()
	r.cmd.IssueCommand(&githubactions.Command{Name: name, Message: message, Properties: properties})
}

// fileCommand appends message and a line end to the file named by GITHUB_<name>.
func (r *Runner) fileCommand(name, message string) (err error) {
	variable := "GITHUB_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if r.getenv(variable) == "" {
		return fmt.Errorf("%s is not set, though GITHUB_ACTIONS is true", variable)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("write to %s: %v", variable, p)
		}
	}()
	r.cmd.IssueFileCommand(&githubactions.Command{Name: name, Message: message})
	return nil
}

// errDelimiter cannot happen by chance: the delimiter has 128 random bits.
var errDelimiter = errors.New("the text contains the delimiter that was to end it")
