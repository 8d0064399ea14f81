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
	checkout    string            // of the user; "" for a URL or a bare repository
	scratch     string            // temporary directory, removed by Close
	dir         string            // where git runs: the checkout, or a bare clone in scratch
	remote      string            // the URL that is pushed to
	origin      string            // what git is told to fetch from and push to
	fetched     string            // commit that the clone came with; "" once it is old
	seen        string            // reference that a fetch leaves
	partial     bool              // the clone has no blobs but those that were asked for
	deep        bool              // the history is there, as far as it is looked at
	sign        bool              // the machine's Git is set to sign commits
	read        map[string][]byte // blobs by their OID
}

// Open checks the options and prepares a place to work in: of a URL a clone with the
// newest commit and its directories, but no files, of which those that are looked at are
// fetched then. Of a checkout it is the checkout's own object store: no file of it, nor its
// index, is touched.
// The caller must call [Repo.Close].
func Open(ctx context.Context, o Options) (*Repo, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait == nil {
		o.Wait = Wait
	}
	r := &Repo{o: o, origin: "origin", seen: "FETCH_HEAD", read: map[string][]byte{}}
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
	switch {
	case r.o.Local:
		return r.openLocal(ctx)
	case r.checkout != "":
		err = r.openCheckout(ctx)
	default:
		err = r.clone(ctx)
	}
	if err != nil {
		return err
	}
	sign, err := r.git(ctx, nil, "config", "--type=bool", "--default=false", "--get", "commit.gpgsign")
	r.sign = sign == "true"
	return err
}

// locate finds out what Repository is.
func (r *Repo) locate(ctx context.Context) error {
	info, err := os.Stat(r.o.Repository)
	if err != nil || !info.IsDir() {
		if isLocalPath(r.o.Repository) {
			return exit.BadInputf("repository %q: there is no such directory; one on GitHub is reached by a URL, or as owner/name with a token", r.o.Repository)
		}
		r.remote = r.o.Repository
		return nil
	}
	dir, err := filepath.Abs(r.o.Repository)
	if err != nil {
		return err
	}
	r.dir = dir
	out, err := r.git(ctx, nil, "rev-parse", "--is-bare-repository", "--show-cdup")
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

// openCheckout finds the remote of a checkout.
func (r *Repo) openCheckout(ctx context.Context) (err error) {
	if r.remote, err = r.git(ctx, nil, "remote", "get-url", "--push", "origin"); err != nil {
		return exit.BadInputf("the checkout %q has no remote \"origin\" to push to: add one, or do not push", r.o.Repository)
	}
	if r.o.Branch == "" {
		r.o.Branch, err = r.currentBranch(ctx)
	}
	// FETCH_HEAD is the user's own, and that of whoever else is at work here.
	r.seen = tempRef()
	return err
}

// clone makes a bare repository of the branch's newest commit, without its files' contents.
// A repository on this machine lends its objects in place of that.
func (r *Repo) clone(ctx context.Context) (err error) {
	if r.scratch, err = os.MkdirTemp("", "hyaction-git-"); err != nil {
		return err
	}
	r.o.Progress("cloning " + redact(r.remote))
	args := []string{"clone", "--quiet", "--bare", "--single-branch", "--no-tags"}
	if isLocalPath(r.remote) {
		args = append(args, "--shared")
	} else {
		// A server that cannot leave files out says so, and sends them.
		args = append(args, "--depth=1", "--filter=blob:none")
		r.partial = true
	}
	if r.o.Branch != "" {
		args = append(args, "--branch="+r.o.Branch)
	}
	r.dir = r.scratch
	work := filepath.Join(r.scratch, "infra.git")
	if _, err := r.git(ctx, nil, append(args, "--", r.remote, work)...); err != nil {
		if strings.Contains(err.Error(), "not found in upstream") {
			return r.noBranch()
		}
		return fmt.Errorf("cloning %s: %w", redact(r.remote), err)
	}
	r.dir = work
	out, err := r.git(ctx, nil, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/")
	if err != nil {
		return err
	}
	sha, ref, ok := strings.Cut(out, " refs/heads/")
	if !ok && r.o.Branch != "" {
		return r.noBranch() // a tag is of that name
	}
	if !ok {
		return exit.BadInputf("repository %q has no default branch (it may be empty): name the branch", r.o.Repository)
	}
	r.fetched, r.o.Branch = sha, ref
	return ValidateBranch(ref)
}

func (r *Repo) noBranch() error {
	return exit.BadInputf("branch %q does not exist in repository %q", r.o.Branch, r.o.Repository)
}

func (r *Repo) currentBranch(ctx context.Context) (string, error) {
	branch, err := r.git(ctx, nil, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err != nil {
		return "", exit.BadInputf("the checkout %q is on no branch (detached HEAD): name the branch", r.o.Repository)
	}
	return branch, ValidateBranch(branch)
}

// Branch is the branch that is updated.
func (r *Repo) Branch() string { return r.o.Branch }

// Close removes what Open made.
func (r *Repo) Close() error {
	if r.scratch != "" {
		return os.RemoveAll(r.scratch)
	}
	if r.seen == "FETCH_HEAD" {
		return nil
	}
	// What Open's context was told does not count any more.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := r.git(ctx, nil, "update-ref", "-d", r.seen)
	return err
}
