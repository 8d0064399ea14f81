package canarygate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/pattern"
	"github.com/buenhyden/hy-home/internal/report"
)

// Announcement says where on GitHub the verdict is shown beside the exit code.
type Announcement struct {
	Kinds       []string // status, check, deployment; none announces nothing
	Commit      string   // full SHA that it is shown at
	Name        string   // of the status and the check
	Environment string   // of the deployment
	URL         string   // of the report
	Strict      bool     // not being able to announce is an error
	GitHub      *forge.Client

	ids [len(announced)]int64 // by kind, of what is there to be brought up to date
}

var (
	announced  = [...]string{"status", "check", "deployment"}
	fullCommit = pattern.New(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// announceTimeout bounds the requests to GitHub at either end of a gate. GitHub
// kills a cancelled job 7.5 s after it was told to end.
const announceTimeout = 5 * time.Second

// Check refuses what cannot be announced.
func (a *Announcement) Check() error {
	for _, kind := range a.Kinds {
		if !slices.Contains(announced[:], kind) {
			return exit.BadInputf("input report-to has %q: it must be one of %s", kind, strings.Join(announced[:], ", "))
		}
	}
	switch {
	case len(a.Kinds) == 0:
	case !fullCommit.MatchString(a.Commit):
		return exit.BadInputf("input report-commit is %q: with report-to it must be the full SHA of a commit", a.Commit)
	case a.Name == "":
		return exit.BadInputf("input report-name is empty: with report-to it is what a required check is called")
	case a.Environment == "" && slices.Contains(a.Kinds, "deployment"):
		return exit.BadInputf("input report-environment is empty although report-to has deployment: name the environment, such as production")
	}
	return nil
}

// Begin shows that the gate is at work, so that an older verdict of the same
// commit is not taken for its answer meanwhile.
func (a *Announcement) Begin(ctx context.Context, rollout string) error {
	return a.show(ctx, forge.Pending, "watching "+rollout, "The verdict is not there yet.")
}

// End shows the verdict; failed is why there is none. Whoever stopped the gate
// does not stop this: what began must not stay pending for ever.
func (a *Announcement) End(ctx context.Context, r Result, failed error) error {
	ctx = context.WithoutCancel(ctx)
	if failed != nil {
		return a.show(ctx, forge.Unknown, "no verdict: "+failed.Error(), report.Escape(failed.Error()))
	}
	state := map[Verdict]forge.State{Passed: forge.Success, Failed: forge.Failure, Inconclusive: forge.Unknown}[r.Verdict]
	return a.show(ctx, state, r.FirstLine(), report.Markdown(r.Report()))
}

// show sets all kinds at once. The error is one line that names each that failed.
func (a *Announcement) show(ctx context.Context, state forge.State, title, text string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, announceTimeout, fmt.Errorf("GitHub did not answer within %s", announceTimeout))
	defer cancel()
	v := forge.Verdict{Commit: a.Commit, Name: a.Name, Environment: a.Environment, State: state, Title: title, Text: text, URL: a.URL}
	var faults [len(announced)]string
	var all sync.WaitGroup
	for i, kind := range announced {
		if !slices.Contains(a.Kinds, kind) {
			continue
		}
		all.Go(func() {
			var err error
			switch kind {
			case "status":
				err = a.GitHub.SetStatus(ctx, v)
			case "check":
				a.ids[i], err = a.GitHub.SetCheck(ctx, a.ids[i], v)
			case "deployment":
				a.ids[i], err = a.GitHub.SetDeployment(ctx, a.ids[i], v)
			}
			if err != nil {
				faults[i] = err.Error()
			}
		})
	}
	all.Wait()
	said := slices.DeleteFunc(faults[:], func(s string) bool { return s == "" })
	if len(said) == 0 {
		return nil
	}
	return fmt.Errorf("the verdict is not shown on GitHub: %s", strings.ReplaceAll(strings.Join(said, "; "), "\n", " "))
}
