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

// ErrMoved says that a branch is no more where it was seen.
var ErrMoved = errors.New("the branch moved meanwhile")

// push puts a commit on a branch if that is where it was seen, "" being nowhere. Git compares
// the two names and nothing more: without a lease it looks into the branch's new head to say
// in which way the commit is behind, and fetches it for that.
//
// A push whose answer did not come may have arrived all the same, so the branch is looked at
// before it is sent again.
func (r *Repo) push(ctx context.Context, sha, branch, seen string) error {
	ref := "refs/heads/" + branch
	err := r.again(ctx, func() error {
		_, err := r.git(ctx, nil, "push", "--porcelain", "--force-with-lease="+ref+":"+seen, "--", r.origin, sha+":"+ref)
		if !isPassing(err) {
			return err
		}
		switch now, unknown := r.remoteHead(ctx, branch); {
		case unknown != nil:
			return err
		case now == sha:
			return nil
		case now != seen: // if ours is below theirs, the next attempt finds nothing to do
			return ErrMoved
		}
		return err
	})
	if lostRace(err) {
		err = ErrMoved
	}
	if err != nil {
		return fmt.Errorf("pushing to branch %s of %s: %w", branch, r.o.Repository, err)
	}
	return nil
}

// Place puts a commit on a branch beside the one that was opened: on top of a commit that
// the remote has, and only if the branch is where it was seen; "" is that there is none.
func (r *Repo) Place(ctx context.Context, onto, branch, seen string, want Commit) (sha string, err error) {
	if r.fetched != onto {
		if _, err := r.git(ctx, nil, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--depth=1", "--", r.origin, onto); err != nil {
			return "", ended(ctx, fmt.Errorf("fetching commit %s of %s: %w", onto, r.o.Repository, err))
		}
	}
	h, err := r.openHead(ctx, onto)
	if err == nil {
		sha, err = r.commit(ctx, h, want)
	}
	if err != nil {
		return "", ended(ctx, err)
	}
	r.o.Progress("pushing to " + branch)
	if err := r.push(ctx, sha, branch, seen); err != nil {
		return "", ended(ctx, err)
	}
	if now, err := r.remoteHead(ctx, branch); err != nil || now != sha {
		return "", ended(ctx, errors.Join(fmt.Errorf("git push said yes, but branch %s of %s is not at commit %s", branch, r.o.Repository, sha), err))
	}
	return sha, nil
}

// landed proves that the remote branch holds the commit: hooks and proxies have been
// seen to swallow a push with exit code 0.
func (r *Repo) landed(ctx context.Context, sha string) error {
	now, err := r.remoteHead(ctx, r.o.Branch)
	if err == nil && now == sha {
		return nil
	}
	if err == nil { // somebody may have pushed on top of it already
		_, err = r.git(ctx, nil, r.fetchArgs()...)
	}
	if err != nil {
		return fmt.Errorf("reading branch %s back after the push: %w", r.o.Branch, err)
	}
	if _, err := r.git(ctx, nil, "merge-base", "--is-ancestor", sha, r.seen); err != nil {
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

// rejected matches what git prints for a push that lost a race, over all transports:
// first what it says of a lease, last GitHub's and GitLab's words. A protected branch or
// a hook that says no does not match: trying again would not help.
var rejected = regexp.MustCompile(`\[(remote )?rejected\] \(?.*(stale info|non-fast-forward|fetch first|cannot lock ref|incorrect old value provided)`)

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

// Backoff is the pause after a lost race: any time up to four times as long as the attempt
// took, so that racers part. What an attempt takes is the measure, since it grows with their
// number and with the distance: a fixed time is either too short for fifty writers or too
// long for two. A shorter window costs fifty more attempts, a longer one more time.
func Backoff(took time.Duration) time.Duration {
	const shortest, longest = 50 * time.Millisecond, 10 * time.Second
	return time.Duration(rand.Float64() * float64(min(4*max(took, shortest), longest)))
}

// Wait pauses, or ends with the context and its reason.
func Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
