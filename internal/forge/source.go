package forge

import (
	"context"
	"net/http"

	"github.com/google/go-github/v66/github"
)

// Contains tells whether a commit of the repository has another in its history, other
// than itself. A commit that is not known to GitHub is in no history.
func (c *Client) Contains(ctx context.Context, commit, ancestor string) (bool, error) {
	cmp, _, err := c.rest.Repositories.CompareCommits(ctx, c.owner, c.name, ancestor, commit, &github.ListOptions{PerPage: 1})
	if s := status(err); s == http.StatusNotFound || s == http.StatusUnprocessableEntity {
		return false, nil
	}
	if err != nil {
		return false, explain(ctx, "comparing commits of "+c.o.Repository, err)
	}
	return cmp.GetStatus() == "ahead", nil
}

// Comment writes below a commit.
func (c *Client) Comment(ctx context.Context, commit, body string) error {
	_, _, err := c.rest.Repositories.CreateComment(ctx, c.owner, c.name, commit, &github.RepositoryComment{Body: &body})
	if err != nil {
		return explain(ctx, "commenting on commit "+commit, err)
	}
	return nil
}

// Check puts a check that succeeded beside a commit.
func (c *Client) Check(ctx context.Context, commit, name, title, summary string) error {
	_, err := c.SetCheck(ctx, 0, Verdict{Commit: commit, Name: name, State: Success, Title: title, Text: summary})
	return err
}
