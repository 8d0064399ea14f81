package forge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// present opens the pull request or brings its text up to date, and moves the branch onto
// a new commit first, if there is one.
func (c *Client) present(ctx context.Context, p Pull, s pullState, move bool, res *Proposed) error {
	title, body := p.Describe()
	if s.pull == nil {
		if move {
			if err := c.moveRef(ctx, s, p.Branch, res.Commit); err != nil {
				return err
			}
		}
		if err := c.openPull(ctx, p, s, title, body, res); err != nil {
			return err
		}
		return c.dress(ctx, p.Extras, s.ids, res)
	}
	same := s.pull.Title == title && s.pull.Body == body
	if same && !res.Changed {
		return nil
	}
	res.Operation = "updated"
	if same && !move {
		return nil
	}
	// Both in one request: its second half would be wrong alone, but the next attempt mends it.
	d := &document{}
	var fields []string
	if move {
		fields = append(fields, d.moveRef(s, p.Branch, res.Commit))
	}
	fields = append(fields, "pull: updatePullRequest(input: "+d.set("pull", "UpdatePullRequestInput!", map[string]any{"pullRequestId": s.pull.ID, "title": title, "body": body})+") { pullRequest { headRefOid } }")
	var out struct {
		Pull *struct {
			PullRequest struct{ HeadRefOID string }
		}
	}
	err := c.graphql(ctx, d.mutation(fields...), d.variables, &out)
	if err := refused(err); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("updating pull request %d: %w", s.pull.Number, err)
	}
	if move && (out.Pull == nil || out.Pull.PullRequest.HeadRefOID != res.Commit) {
		return c.landed(ctx, p.Branch, res.Commit)
	}
	return nil
}

// openPull creates the pull request. It tries again while GitHub does not see the branch
// yet, and takes the one that somebody else opened in between.
func (c *Client) openPull(ctx context.Context, p Pull, s pullState, title, body string, res *Proposed) error {
	d := &document{}
	field := "pull: createPullRequest(input: " + d.set("pull", "CreatePullRequestInput!", map[string]any{
		"repositoryId": s.base.RepositoryID, "baseRefName": s.base.Branch, "headRefName": p.Branch, "title": title, "body": body, "draft": p.Draft,
	}) + ") { pullRequest { id number url } }"
	const attempts = 5
	for attempt := 1; ; attempt++ {
		var out struct {
			Pull *struct{ PullRequest pullAnswer }
		}
		err := c.graphql(ctx, d.mutation(field), d.variables, &out)
		if err == nil && out.Pull != nil {
			pull := out.Pull.PullRequest
			res.Operation, res.Number, res.URL, res.id = "created", pull.Number, pull.URL, pull.ID
			return nil
		}
		var f faults
		var gateway gatewayError
		if !errors.As(err, &f) && !errors.As(err, &gateway) {
			return fmt.Errorf("opening a pull request for %s: %w", p.Branch, err)
		}
		if strings.Contains(err.Error(), "already exists") || gateway.status != 0 {
			now, failed := c.readPull(ctx, p, First{})
			if failed == nil && now.pull != nil {
				res.Operation, res.Number, res.URL, res.id = "updated", now.pull.Number, now.pull.URL, now.pull.ID
				return nil
			}
		} else if !lagging(f) {
			return fmt.Errorf("opening a pull request for %s: %w", p.Branch, err)
		}
		if attempt == attempts {
			return fmt.Errorf("opening a pull request for %s: %w", p.Branch, err)
		}
		if err := c.o.Wait(ctx, time.Duration(attempt)*time.Second); err != nil {
			return err
		}
	}
}

// lagging tells faults that come while GitHub has not seen its own last write.
func lagging(f faults) bool {
	return slices.ContainsFunc(f, func(e fault) bool {
		return strings.Contains(e.Message, "Could not resolve to a node") || strings.Contains(e.Message, "No commits between") ||
			strings.Contains(e.Message, "Head sha can't be blank") || strings.Contains(e.Message, "Head ref must be a branch")
	})
}
