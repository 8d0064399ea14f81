package forge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/buenhyden/hy-home/internal/gitrepo"
)

// Update changes files on a branch as [gitrepo.Repo.Update] does: intent is asked on the
// newest head, and again whenever another commit came first. first is read with the
// head, so that an intent that needs nothing else costs one request. An empty
// branch is the repository's default branch.
func (c *Client) Update(ctx context.Context, branch string, first First, intent gitrepo.Intent) (gitrepo.Result, error) {
	for attempt := 1; ; attempt++ {
		start := time.Now()
		h, err := c.readHead(ctx, branch, first)
		if err != nil {
			return gitrepo.Result{}, err
		}
		want, err := intent(ctx, h.Tree)
		if err != nil {
			return gitrepo.Result{}, err
		}
		res := gitrepo.Result{Branch: h.Branch, Commit: h.Tree.commit, Attempts: attempt}
		if len(want.Files) == 0 {
			return res, nil
		}
		c.o.Progress("committing to " + h.Branch)
		res.Commit, err = c.commit(ctx, h, want)
		if err == nil {
			res.Changed = true
			return res, nil
		}
		err = fmt.Errorf("committing to branch %s of %s: %w", h.Branch, c.o.Repository, err)
		if again, failed := c.lost(ctx, err, attempt, time.Since(start), h.Branch); !again {
			return gitrepo.Result{}, failed
		}
		branch, first.Paths = h.Branch, h.Tree.Asked()
	}
}

// lost tells whether a commit that failed is worth another try on the new head, and waits
// before it. After a gateway's fault the new head shows whether the commit landed.
func (c *Client) lost(ctx context.Context, err error, attempt int, took time.Duration, branch string) (again bool, _ error) {
	var gateway gatewayError
	if !errors.Is(err, gitrepo.ErrMoved) && !errors.As(err, &gateway) || attempt >= gitrepo.MaxAttempts {
		return false, err
	}
	c.o.Progress(fmt.Sprintf("%s moved meanwhile: applying the change to its new head", branch))
	err = c.o.Wait(ctx, gitrepo.Backoff(took))
	return err == nil, err
}
