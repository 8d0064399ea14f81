package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
)

func (r *Repo) push(ctx context.Context, sha string) error {
	_, err := r.git(ctx, nil, "push", "--porcelain", "--", r.origin, sha+":refs/heads/"+r.o.Branch)
	return err
}

// landed proves that the remote branch holds the commit: hooks and proxies have been
// seen to swallow a push with exit code 0.
func (r *Repo) landed(ctx context.Context, sha string) error {
	now, err := r.git(ctx, nil, "ls-remote", "--", r.origin, "refs/heads/"+r.o.Branch)
	if err == nil && strings.HasPrefix(now, sha) {
		return nil
	}
	if err == nil { // somebody may have pushed on top of it already
		_, err = r.git(ctx, nil, r.fetchArgs()...)
	}
	if err != nil {
		return fmt.Errorf("reading branch %s back after the push: %w", r.o.Branch, err)
	}
	if _, err := r.git(ctx, nil, "merge-base", "--is-ancestor", sha, "FETCH_HEAD"); err != nil {
		return fmt.Errorf("git push said yes, but branch %s of %s does not hold commit %s", r.o.Branch, r.o.Repository, sha)
	}
	return nil
}

// forward brings the user's checkout up to the commit, if it is on that branch and
// nothing of it would be lost.
func (r *Repo) forward(ctx context.Context, sha string) {
	if r.checkout == "" {
		return
	}
	if branch, err := r.currentBranch(ctx); err != nil || branch != r.o.Branch {
		return
	}
	if _, err := r.git(ctx, nil, "merge", "--quiet", "--ff-only", sha); err != nil {
		r.o.Progress("the checkout has changes of its own and stays as it is; the remote branch is updated")
	}
}

// rejected matches what git prints for a push that lost a race, over all transports;
// the last two are GitHub's and GitLab's words. A protected branch or a hook that
// says no does not match: trying again would not help.
var rejected = regexp.MustCompile(`\[(remote )?rejected\] \(?.*(non-fast-forward|fetch first|cannot lock ref|incorrect old value provided)`)

func lostRace(err error) bool {
	var e *gitError
	if !errors.As(err, &e) {
		return false
	}
	if rejected.MatchString(e.output) {
		return true
	}
	// A repository on this machine reports the lock in a line of its own.
	return strings.Contains(e.output, "failed to update ref") && strings.Contains(e.output, "cannot lock ref")
}

// Backoff is the pause after a lost race: 200 ms, growing by half up to 5 s, give or
// take a half, so that racers part. One attempt takes a tenth of a second or more, so
// that 50 racers are spread wide enough after eight of them.
func Backoff(attempt int) time.Duration {
	d := float64(200 * time.Millisecond)
	for range min(attempt-1, 10) {
		d *= 1.5
	}
	return time.Duration(min(d, float64(5*time.Second)) * (0.5 + rand.Float64()))
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
