package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Commit is what an update wants on the branch.
type Commit struct {
	Files   map[string][]byte // new contents by path from the root; empty means nothing to do
	Message string
}

// Intent says what an update wants, given the files of the branch's head. It is asked
// again for each head that the update is tried on.
type Intent func(context.Context, Tree) (Commit, error)

// Result is what became of an update.
type Result struct {
	Changed  bool
	Branch   string
	Commit   string // SHA of the commit made, or of the head if nothing changed
	Attempts int    // how often the intent was applied: 1, plus one for each lost race
}

// MaxAttempts bounds the lost races, in case that something else looks like one. With n
// writers at once each loses n-1 at most; time runs out first.
const MaxAttempts = 200

// Update applies intent to the newest head of the branch, commits and pushes; again on
// the new head whenever another push came first. At the end the remote branch is read back:
// Update succeeds only if it holds the commit.
func (r *Repo) Update(ctx context.Context, intent Intent) (Result, error) {
	update := r.updateRemote
	if r.o.Local {
		update = r.commitLocal
	}
	res, err := update(ctx, intent)
	res.Branch = r.o.Branch
	return res, ended(ctx, err)
}

func (r *Repo) updateRemote(ctx context.Context, intent Intent) (Result, error) {
	for attempt := 1; ; attempt++ {
		start := time.Now()
		h, err := r.sync(ctx)
		if err != nil {
			return Result{}, err
		}
		want, err := intent(ctx, h.tree)
		if err != nil || len(want.Files) == 0 {
			return Result{Commit: h.sha, Attempts: attempt}, err
		}
		sha, err := r.commit(ctx, h, want)
		if err != nil {
			return Result{}, err
		}
		r.o.Progress("pushing to " + r.o.Branch)
		if err = r.push(ctx, sha, r.o.Branch, h.sha); err == nil {
			if err := r.landed(ctx, sha); err != nil {
				return Result{}, err
			}
			r.forward(ctx, sha)
			return Result{Changed: true, Commit: sha, Attempts: attempt}, nil
		}
		if !errors.Is(err, ErrMoved) || attempt == MaxAttempts {
			return Result{}, err
		}
		r.o.Progress(fmt.Sprintf("%s moved meanwhile: applying the change to its new head", r.o.Branch))
		if err := r.o.Wait(ctx, Backoff(time.Since(start))); err != nil {
			return Result{}, err
		}
	}
}

// sync gives the newest head of the branch.
func (r *Repo) sync(ctx context.Context) (*head, error) {
	sha := r.fetched // that of a clone a moment ago is new enough: a push tells if it is not
	r.fetched = ""
	if sha == "" {
		r.o.Progress("fetching " + r.o.Branch)
		if _, err := r.git(ctx, nil, r.fetchArgs()...); err != nil {
			if strings.Contains(err.Error(), "couldn't find remote ref") {
				return nil, r.noBranch()
			}
			return nil, fmt.Errorf("fetching branch %s of %s: %w", r.o.Branch, r.o.Repository, err)
		}
		var err error
		if sha, err = r.git(ctx, nil, "rev-parse", "--verify", r.seen); err != nil {
			return nil, err
		}
	}
	return r.openHead(ctx, sha)
}

func (r *Repo) fetchArgs(options ...string) []string {
	args := append([]string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance"}, options...)
	spec := "refs/heads/" + r.o.Branch
	if r.checkout != "" {
		args, spec = append(args, "--no-write-fetch-head"), "+"+spec+":"+r.seen
	}
	return append(args, "--", r.origin, spec)
}
