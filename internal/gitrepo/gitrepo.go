// Package gitrepo changes files on a branch of a Git repository, with the git
// command.
//
// An update is an intent, not a commit: a function from the branch's files to new
// contents. It is asked on the newest head; if somebody else pushes in between, it is
// asked again on theirs, so that two updates of one file both land, and a stale
// commit is never replayed. An update that has nothing to do makes no commit.
package gitrepo

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// Options say which branch of which repository, and how to reach it.
type Options struct {
	// Repository is a directory (a checkout or a bare repository) or a URL. Of a
	// checkout, its remote "origin" is what is updated.
	Repository string
	// Branch to update. "" is the one checked out, or the remote's default branch.
	Branch string
	// Local commits to the checkout in Repository and pushes nothing.
	Local bool
	// Token for HTTP(S), if Git's own configuration has none. It reaches git
	// through the environment and is never part of an argument, URL or error.
	Token string
	// Sparse are the paths that an update looks at first. Of a URL only these are brought,
	// and what the update then asks for. nil brings everything.
	Sparse []string
	// Author and committer, as "Name <address>".
	Author string

	Runner   run.Runner
	Progress func(string) // told what is being done; may be nil
	Log      *slog.Logger // may be nil

	// Wait pauses between attempts; nil waits for real.
	Wait func(context.Context, time.Duration) error
}

// Repo is a branch opened for updates. Use it from one goroutine.
type Repo struct {
	o           Options
	name, email string
	checkout    string   // of the user; "" for a URL or a bare repository
	scratch     string   // temporary directory, removed by Close
	work        string   // where updates are made: a directory of scratch, or the checkout
	remote      string   // the URL that is pushed to
	brought     []string // paths that the work tree has; nil is all
	origin      string   // what git is told to fetch from and push to
}

// Open checks the options and prepares a place to work in: a new shallow repository
// for a URL, a separate worktree for a checkout, whose own files stay untouched.
// The caller must call [Repo.Close].
func Open(ctx context.Context, o Options) (*Repo, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	r := &Repo{o: o, origin: "origin"}
	if err := r.open(ctx); err != nil {
		_ = r.Close()
		return nil, ended(ctx, err)
	}
	return r, nil
}

// ended gives the context's own reason if that is why something broke: a git that
// was told to stop proves nothing about what it was asked.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (r *Repo) open(ctx context.Context) (err error) {
	if r.name, r.email, err = parseAuthor(r.o.Author); err != nil {
		return err
	}
	if err := validateRepository(r.o.Repository); err != nil {
		return err
	}
	if r.o.Branch != "" {
		if err := ValidateBranch(r.o.Branch); err != nil {
			return err
		}
	}
	if err := r.locate(ctx); err != nil {
		return err
	}
	if r.o.Local {
		return r.openLocal(ctx)
	}
	return r.openScratch(ctx)
}

// locate finds out what Repository is.
func (r *Repo) locate(ctx context.Context) error {
	info, err := os.Stat(r.o.Repository)
	if err != nil || !info.IsDir() {
		if isLocalPath(r.o.Repository) {
			return exit.BadInputf("repository %q: there is no such directory", r.o.Repository)
		}
		r.remote = r.o.Repository
		return nil
	}
	dir, err := filepath.Abs(r.o.Repository)
	if err != nil {
		return err
	}
	out, err := r.git(ctx, dir, nil, "rev-parse", "--is-bare-repository", "--show-cdup")
	if err != nil {
		return exit.BadInputf("repository %q is not a Git repository: %w", r.o.Repository, err)
	}
	bare, up, _ := strings.Cut(out, "\n")
	switch {
	case bare == "true":
		r.remote = dir
	case strings.TrimSpace(up) != "":
		return exit.BadInputf("repository %q lies inside a checkout; name its top directory", r.o.Repository)
	default:
		r.checkout = dir
	}
	return nil
}

// openLocal prepares to commit to the checkout itself.
func (r *Repo) openLocal(ctx context.Context) error {
	if r.checkout == "" {
		return exit.BadInputf("repository %q is not a checkout: without pushing, the commit would be lost", r.o.Repository)
	}
	current, err := r.currentBranch(ctx)
	if err != nil {
		return err
	}
	if r.o.Branch != "" && r.o.Branch != current {
		return exit.BadInputf("branch %q is not checked out in %s, %q is", r.o.Branch, r.o.Repository, current)
	}
	r.o.Branch, r.work = current, r.checkout
	return nil
}

// openScratch prepares a work tree beside everything else.
func (r *Repo) openScratch(ctx context.Context) (err error) {
	if r.scratch, err = os.MkdirTemp("", "hyaction-git-"); err != nil {
		return err
	}
	work := filepath.Join(r.scratch, "tree")
	if r.checkout != "" {
		if r.remote, err = r.git(ctx, r.checkout, nil, "remote", "get-url", "--push", "origin"); err != nil {
			return exit.BadInputf("the checkout %q has no remote \"origin\" to push to: add one, or do not push", r.o.Repository)
		}
		if isLocalPath(r.remote) && !filepath.IsAbs(r.remote) {
			r.origin = filepath.Join(r.checkout, r.remote) // git would look from the worktree
		}
		if r.o.Branch == "" {
			if r.o.Branch, err = r.currentBranch(ctx); err != nil {
				return err
			}
		}
		if _, err := r.git(ctx, r.checkout, nil, "worktree", "add", "--quiet", "--detach", "--no-checkout", "--", work); err != nil {
			return fmt.Errorf("opening %s: %w", r.o.Repository, err)
		}
		r.work = work
		return nil
	}
	if _, err := r.git(ctx, r.scratch, nil, "init", "--quiet", "--", work); err != nil {
		return err
	}
	r.work = work
	// Bytes are to stay what they are, whatever this machine's settings.
	settings := [][2]string{{"core.autocrlf", "false"}, {"remote.origin.url", r.remote}}
	if r.o.Sparse != nil {
		// A server that cannot leave blobs out says so, and sends them.
		settings = append(settings, [2]string{"remote.origin.promisor", "true"}, [2]string{"remote.origin.partialclonefilter", "blob:none"})
	}
	for _, kv := range settings {
		if _, err := r.git(ctx, work, nil, "config", kv[0], kv[1]); err != nil {
			return err
		}
	}
	if r.o.Sparse != nil {
		if err := r.sparse(ctx, "set", "--no-cone", r.o.Sparse); err != nil {
			return err
		}
	}
	if r.o.Branch == "" {
		r.o.Branch, err = r.defaultBranch(ctx)
	}
	return err
}

func (r *Repo) currentBranch(ctx context.Context) (string, error) {
	branch, err := r.git(ctx, r.checkout, nil, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err != nil {
		return "", exit.BadInputf("the checkout %q is on no branch (detached HEAD): name the branch", r.o.Repository)
	}
	return branch, ValidateBranch(branch)
}

func (r *Repo) defaultBranch(ctx context.Context) (string, error) {
	out, err := r.git(ctx, r.work, nil, "ls-remote", "--symref", "--", r.origin, "HEAD")
	if err != nil {
		return "", fmt.Errorf("asking %s for its default branch: %w", r.o.Repository, err)
	}
	for line := range strings.Lines(out) {
		ref, ok := strings.CutPrefix(line, "ref: refs/heads/")
		if branch, _, tab := strings.Cut(ref, "\t"); ok && tab {
			return branch, ValidateBranch(branch)
		}
	}
	return "", exit.BadInputf("repository %q has no default branch (it may be empty): name the branch", r.o.Repository)
}

// Branch is the branch that is updated.
func (r *Repo) Branch() string { return r.o.Branch }

// Close removes what Open made. It works with a cancelled context's leftovers too.
func (r *Repo) Close() error {
	if r.scratch == "" {
		return nil
	}
	err := os.RemoveAll(r.scratch)
	if r.checkout != "" {
		// The checkout still lists the worktree; it must not grow by one each time.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = r.git(ctx, r.checkout, nil, "worktree", "prune")
	}
	return err
}
