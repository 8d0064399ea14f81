package forge

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-github/v66/github"
)

// Verdict is what a gate says of a commit, to be shown where people look.
type Verdict struct {
	Commit      string
	Name        string // of the check, or the context of the status: what a required check is called
	Environment string // of a deployment
	State       State
	Title       string // one sentence
	Text        string // Markdown, for a check alone
	URL         string // of the whole report
}

// State is how a verdict stands.
type State int

// The states. What nobody can tell must block a merge, so it is no check's
// "neutral", which GitHub takes for a success.
const (
	Pending State = iota
	Success
	Failure
	Unknown
)

func (s State) status() *string {
	return github.String([...]string{"pending", "success", "failure", "error"}[s])
}

func (s State) deployment() *string {
	return github.String([...]string{"in_progress", "success", "failure", "error"}[s])
}

// check is a check's status and, at its end, its conclusion.
func (s State) check() (status, conclusion *string) {
	if s == Pending {
		return github.String("in_progress"), nil
	}
	return github.String("completed"), github.String([...]string{Success: "success", Failure: "failure", Unknown: "action_required"}[s])
}

// GitHub's limits: what is longer is refused with the whole request.
const (
	longestDescription = 140    // characters of a status or a deployment's status
	longestTitle       = 255    // characters of a check's title
	longestSummary     = 65_535 // bytes of a check's summary
)

func clip(s string, most int) *string {
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most-1]) + "…"
	}
	return &s
}

// SetStatus sets the commit status called v.Name.
func (c *Client) SetStatus(ctx context.Context, v Verdict) error {
	_, _, err := c.rest.Repositories.CreateStatus(ctx, c.owner, c.name, v.Commit, &github.RepoStatus{
		State: v.State.status(), Context: &v.Name, Description: clip(v.Title, longestDescription), TargetURL: optional(v.URL),
	})
	return c.permitted(ctx, "setting the status of commit "+v.Commit, "statuses: write", err)
}

// SetCheck makes a check, or brings the one with this id up to date, and returns
// its id. Only an App's token may: a job's own is one.
func (c *Client) SetCheck(ctx context.Context, id int64, v Verdict) (int64, error) {
	status, conclusion := v.State.check()
	text := v.Text
	if len(text) > longestSummary { // cut Markdown is broken Markdown
		text = v.Title + "\n\nThe report is too long to be shown here: " + v.URL
	}
	output := &github.CheckRunOutput{Title: clip(v.Title, longestTitle), Summary: &text}
	var run *github.CheckRun
	var err error
	if id == 0 {
		run, _, err = c.rest.Checks.CreateCheckRun(ctx, c.owner, c.name, github.CreateCheckRunOptions{
			Name: v.Name, HeadSHA: v.Commit, DetailsURL: optional(v.URL), Status: status, Conclusion: conclusion, Output: output,
		})
	} else {
		run, _, err = c.rest.Checks.UpdateCheckRun(ctx, c.owner, c.name, id, github.UpdateCheckRunOptions{
			Name: v.Name, DetailsURL: optional(v.URL), Status: status, Conclusion: conclusion, Output: output,
		})
	}
	if err != nil {
		return id, c.permitted(ctx, "setting check "+v.Name+" of commit "+v.Commit, "checks: write", err)
	}
	return run.GetID(), nil
}

// SetDeployment sets the status of the deployment with this id and returns the
// id. With 0 it is the commit's newest deployment to the environment, which is
// made if there is none.
func (c *Client) SetDeployment(ctx context.Context, id int64, v Verdict) (int64, error) {
	doing := "setting the status of the deployment to " + v.Environment
	if id == 0 {
		var err error
		if id, err = c.deployment(ctx, v); err != nil {
			return 0, c.permitted(ctx, doing, "deployments: write", err)
		}
	}
	_, _, err := c.rest.Repositories.CreateDeploymentStatus(ctx, c.owner, c.name, id, &github.DeploymentStatusRequest{
		State: v.State.deployment(), Description: clip(v.Title, longestDescription), LogURL: optional(v.URL),
	})
	return id, c.permitted(ctx, doing, "deployments: write", err)
}

func (c *Client) deployment(ctx context.Context, v Verdict) (int64, error) {
	found, _, err := c.rest.Repositories.ListDeployments(ctx, c.owner, c.name, &github.DeploymentsListOptions{
		SHA: v.Commit, Environment: v.Environment, ListOptions: github.ListOptions{PerPage: 1}, // the newest comes first
	})
	if err != nil {
		return 0, err
	}
	if len(found) > 0 {
		return found[0].GetID(), nil
	}
	made, _, err := c.rest.Repositories.CreateDeployment(ctx, c.owner, c.name, &github.DeploymentRequest{
		Ref: &v.Commit, Environment: &v.Environment, Description: github.String("made by " + v.Name),
		AutoMerge: github.Bool(false), RequiredContexts: &[]string{}, // it is out already: nothing is to be merged or waited for
	})
	return made.GetID(), err
}

// permitted names the permission that is most likely missing where GitHub does
// not: it answers 403, or 404 in a private repository.
func (c *Client) permitted(ctx context.Context, doing, permission string, err error) error {
	if err == nil {
		return nil
	}
	if s := status(err); s == http.StatusForbidden || s == http.StatusNotFound {
		return fmt.Errorf("%w (the token needs the permission %s in %s)", explain(ctx, doing, err), permission, c.o.Repository)
	}
	return explain(ctx, doing, err)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
