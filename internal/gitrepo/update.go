package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Commit is what an update wants on the branch.
type Commit struct {
	Files   map[string][]byte // new contents by path from the root; empty means nothing to do
	Message string
}

// Tree shows the files of a commit. Not all of them need be at hand: opening what is not
// brings it, one at a time, and Load brings many at once.
type Tree interface {
	fs.FS
	Known(name string) bool // whether opening it brings nothing
	Load(ctx context.Context, names ...string) error
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
		update = r.updateLocal
	}
	res, err := update(ctx, intent)
	res.Branch = r.o.Branch
	return res, ended(ctx, err)
}

func (r *Repo) updateRemote(ctx context.Context, intent Intent) (Result, error) {
	for attempt := 1; ; attempt++ {
		head, err := r.sync(ctx)
		if err != nil {
			return Result{}, err
		}
		sha, err := r.commit(ctx, intent)
		if err != nil {
			return Result{}, err
		}
		if sha == "" {
			return Result{Commit: head, Attempts: attempt}, nil
		}
		r.o.Progress("pushing to " + r.o.Branch)
		err = r.push(ctx)
		if err == nil {
			err = r.landed(ctx, sha)
			r.forward(ctx, sha)
			return Result{Changed: true, Commit: sha, Attempts: attempt}, err
		}
		if !lostRace(err) || attempt == MaxAttempts {
			return Result{}, fmt.Errorf("pushing to branch %s of %s: %w", r.o.Branch, r.o.Repository, err)
		}
		r.o.Progress(fmt.Sprintf("%s moved meanwhile: applying the change to its new head", r.o.Branch))
		// An attempt by Git takes several times what one by an API takes.
		if err := r.o.Wait(ctx, Backoff(attempt+3)); err != nil {
			return Result{}, err
		}
	}
}

// sync puts the newest head of the branch into the work tree.
func (r *Repo) sync(ctx context.Context) (sha string, err error) {
	r.o.Progress("fetching " + r.o.Branch)
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	if r.brought != nil {
		args = append(args, "--filter=blob:none")
	}
	if _, err := r.git(ctx, r.work, nil, "rev-parse", "--verify", "--quiet", "HEAD"); err != nil {
		args = append(args, "--depth=1") // later fetches bring what came since
	}
	if _, err := r.git(ctx, r.work, nil, append(args, "--", r.origin, "refs/heads/"+r.o.Branch)...); err != nil {
		if strings.Contains(err.Error(), "couldn't find remote ref") {
			return "", exit.BadInputf("branch %q does not exist in repository %q", r.o.Branch, r.o.Repository)
		}
		return "", fmt.Errorf("fetching branch %s of %s: %w", r.o.Branch, r.o.Repository, err)
	}
	if sha, err = r.git(ctx, r.work, nil, "rev-parse", "--verify", "FETCH_HEAD"); err != nil {
		return "", err
	}
	_, err = r.git(ctx, r.work, nil, "checkout", "--quiet", "--force", "--detach", sha)
	return sha, err
}

// commit applies the intent; "" means that there was nothing to do.
func (r *Repo) commit(ctx context.Context, intent Intent) (sha string, err error) {
	root, err := os.OpenRoot(r.work)
	if err != nil {
		return "", err
	}
	defer root.Close()
	c, err := intent(ctx, &worktree{root.FS().(directory), r})
	if err != nil || len(c.Files) == 0 {
		return "", err
	}
	var paths []string
	for path, text := range c.Files {
		if r.o.Local {
			if out, err := r.git(ctx, r.work, nil, "status", "--porcelain", "--", path); err != nil || out != "" {
				return "", exit.BadInputf("%s has uncommitted changes in %s: commit or drop them first", path, r.o.Repository)
			}
		}
		if err := WriteFile(root, path, text); err != nil {
			return "", err
		}
		paths = append(paths, path)
	}
	if _, err := r.git(ctx, r.work, nil, append([]string{"add", "--"}, paths...)...); err != nil {
		return "", err
	}
	args := append([]string{"commit", "--quiet", "--file=-", "--only", "--"}, paths...)
	if _, err := r.git(ctx, r.work, strings.NewReader(c.Message), args...); err != nil {
		return "", err
	}
	return r.git(ctx, r.work, nil, "rev-parse", "--verify", "HEAD")
}

func (r *Repo) updateLocal(ctx context.Context, intent Intent) (Result, error) {
	sha, err := r.commit(ctx, intent)
	if err != nil {
		return Result{}, err
	}
	if sha != "" {
		return Result{Changed: true, Commit: sha, Attempts: 1}, nil
	}
	head, err := r.git(ctx, r.work, nil, "rev-parse", "--verify", "HEAD")
	return Result{Commit: head, Attempts: 1}, err
}

func (r *Repo) push(ctx context.Context) error {
	_, err := r.git(ctx, r.work, nil, "push", "--porcelain", "--", r.origin, "HEAD:refs/heads/"+r.o.Branch)
	return err
}

// landed proves that the remote branch holds the commit: hooks and proxies have been
// seen to swallow a push with exit code 0.
func (r *Repo) landed(ctx context.Context, sha string) error {
	if _, err := r.git(ctx, r.work, nil, "fetch", "--quiet", "--no-tags", "--", r.origin, "refs/heads/"+r.o.Branch); err != nil {
		return fmt.Errorf("reading branch %s back after the push: %w", r.o.Branch, err)
	}
	if _, err := r.git(ctx, r.work, nil, "merge-base", "--is-ancestor", sha, "FETCH_HEAD"); err != nil {
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
	if _, err := r.git(ctx, r.checkout, nil, "merge", "--quiet", "--ff-only", sha); err != nil {
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
