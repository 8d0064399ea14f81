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
		if res.id == "" {
			if err := c.openPull(ctx, p, s, res); err != nil {
				return err
			}
		}
		return c.dress(ctx, p.Extras, s.ids, body, res)
	}
	res.id = s.pull.ID
	finish := func() error { return nil }
	if had, ok := strings.CutSuffix(s.pull.Body, unfinished); ok && p.Extras.any() {
		res.Operation, s.pull.Body = "updated", had
		finish = func() error { return c.dress(ctx, p.Extras, s.ids, body, res) }
	}
	same := s.pull.Title == title && s.pull.Body == body
	if same && !res.Changed {
		return finish()
	}
	res.Operation = "updated"
	if same && !move {
		return finish()
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
		if err := c.landed(ctx, p.Branch, res.Commit); err != nil {
			return err
		}
	}
	return finish()
}

// opening is a pull request on its way.
type opening struct {
	Pull
	base   head
	opened *pullAnswer // once it is there
}

func (o *opening) field(d *document) string {
	title, body := o.Describe()
	if o.Extras.any() {
		body += unfinished
	}
	return "pull: createPullRequest(input: " + d.set("pull", "CreatePullRequestInput!", map[string]any{
		"repositoryId": o.base.RepositoryID, "baseRefName": o.base.Branch, "headRefName": o.Branch, "title": title, "body": body, "draft": o.Draft,
	}) + ") { pullRequest { id number url } }"
}

// created notes a pull request that was opened.
func (r *Proposed) created(p pullAnswer) {
	r.Operation, r.Number, r.URL, r.id = "created", p.Number, p.URL, p.ID
}

// openPull creates the pull request. It tries again while GitHub does not see the branch
// yet, and takes the one that somebody else opened in between.
func (c *Client) openPull(ctx context.Context, p Pull, s pullState, res *Proposed) error {
	d := &document{}
	field := (&opening{Pull: p, base: s.base}).field(d)
	const attempts = 5
	for attempt := 1; ; attempt++ {
		var out struct {
			Pull *struct{ PullRequest pullAnswer }
		}
		err := c.graphql(ctx, d.mutation(field), d.variables, &out)
		if err == nil && out.Pull != nil {
			res.created(out.Pull.PullRequest)
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
