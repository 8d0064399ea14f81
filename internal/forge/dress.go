package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v66/github"
)

// dress gives a pull request its labels, reviewers, assignees, milestone and auto-merge, and the
// body that says no more that they are missing, in one request; labels that are not there yet
// go by REST, which makes them.
func (c *Client) dress(ctx context.Context, e Extras, ids extraIDs, body string, res *Proposed) error {
	if !e.any() {
		return nil
	}
	warn := func(format string, args ...any) { res.Warnings = append(res.Warnings, fmt.Sprintf(format, args...)) }
	pick := func(names []string, from map[string]string, what string) []string {
		found := []string{}
		for _, n := range names {
			if from[n] == "" {
				warn("%s %q is not known to GitHub, or the token may not see it", what, n)
				continue
			}
			found = append(found, from[n])
		}
		return found
	}
	d := &document{}
	var fields []string
	add := func(name, mutation, input string) {
		fields = append(fields, name+": "+mutation+"(input: {"+input+"}) { clientMutationId }")
	}
	pull := d.set("pull", "ID!", res.id)
	add("finished", "updatePullRequest", "pullRequestId: "+pull+", body: "+d.set("body", "String!", body))
	switch {
	case len(e.Labels) == 0:
	case ids.haveLabels(e.Labels):
		add("labels", "addLabelsToLabelable", "labelableId: "+pull+", labelIds: "+d.set("labels", "[ID!]!", pick(e.Labels, ids.labels, "label")))
	default:
		if err := c.label(ctx, res.Number, e.Labels); err != nil {
			warn("%v", explain(ctx, "labels", err))
		}
	}
	if users, teams := pick(e.Reviewers, ids.users, "reviewer"), pick(e.TeamReviewers, ids.teams, "team"); len(users)+len(teams) > 0 {
		add("reviewers", "requestReviews", "pullRequestId: "+pull+", userIds: "+d.set("users", "[ID!]!", users)+", teamIds: "+d.set("teams", "[ID!]!", teams)+", union: true")
	}
	if people := pick(e.Assignees, ids.users, "assignee"); len(people) > 0 {
		add("assignees", "addAssigneesToAssignable", "assignableId: "+pull+", assigneeIds: "+d.set("assignees", "[ID!]!", people))
	}
	switch {
	case e.Milestone == 0:
	case ids.milestone == "":
		warn("milestone %d is not known to GitHub", e.Milestone)
	default:
		add("milestone", "updatePullRequest", "pullRequestId: "+pull+", milestoneId: "+d.set("milestone", "ID!", ids.milestone))
	}
	if e.AutoMerge != "" {
		add("merge", "enablePullRequestAutoMerge", "pullRequestId: "+pull+", mergeMethod: "+d.set("method", "PullRequestMergeMethod!", e.AutoMerge))
	}
	for attempt := 1; ; attempt++ {
		err := c.graphql(ctx, d.mutation(fields...), d.variables, new(struct{}))
		var f faults
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &f):
			warn("labels, reviewers, assignees, milestone, auto-merge: %v", err)
			return ctx.Err()
		case attempt < 4 && lagging(f):
			if err := c.o.Wait(ctx, time.Duration(attempt)*time.Second); err != nil {
				return err
			}
			continue
		}
		for _, what := range []string{"labels", "reviewers", "assignees", "milestone"} {
			if bad := f.at(what); len(bad) > 0 {
				warn("%s: %v", what, bad)
			}
		}
		if bad := f.at("merge"); len(bad) > 0 {
			c.mergeNow(ctx, e.AutoMerge, bad, res, warn)
		}
		return nil
	}
}

// label adds labels by name. go-github would send a bare list, which GitHub's description of
// this operation does not have.
func (c *Client) label(ctx context.Context, number int, labels []string) error {
	req, err := c.rest.NewRequest(http.MethodPost, fmt.Sprintf("repos/%s/issues/%d/labels", c.o.Repository, number), map[string]any{"labels": labels})
	if err != nil {
		return err
	}
	_, err = c.rest.Do(ctx, req, nil)
	return err
}

// mergeNow merges a pull request that needs no auto-merge: GitHub refuses to wait for
// nothing, and says that the request is in clean (or unstable) status.
func (c *Client) mergeNow(ctx context.Context, method string, why faults, res *Proposed, warn func(string, ...any)) {
	text := why.Error()
	if !strings.Contains(text, "clean status") && !strings.Contains(text, "unstable status") {
		warn("auto-merge: %s", text)
		return
	}
	for attempt := 1; ; attempt++ {
		_, _, err := c.rest.PullRequests.Merge(ctx, c.owner, c.name, res.Number, "", &github.PullRequestOptions{SHA: res.Commit, MergeMethod: strings.ToLower(method)})
		if err == nil {
			res.Merged = true
			return
		}
		// 405 is also what GitHub says while it works out whether it can be merged.
		if status(err) != http.StatusMethodNotAllowed || attempt == 4 || c.o.Wait(ctx, time.Duration(attempt)*time.Second) != nil {
			warn("%v", explain(ctx, "merging", err))
			return
		}
	}
}
