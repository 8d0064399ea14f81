package gitrepo

import (
	"context"
	"os"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
)

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
	r.o.Branch = current
	return nil
}

// commitLocal applies the intent to the files of the checkout and commits them there, as
// its user would: with the hooks and settings that are in force.
func (r *Repo) commitLocal(ctx context.Context, intent Intent) (Result, error) {
	root, err := os.OpenRoot(r.checkout)
	if err != nil {
		return Result{}, err
	}
	defer root.Close()
	want, err := intent(ctx, Directory(root))
	if err != nil {
		return Result{}, err
	}
	var paths []string
	for path, text := range want.Files {
		if out, err := r.git(ctx, nil, "status", "--porcelain", "--", path); err != nil || out != "" {
			return Result{}, exit.BadInputf("%s has uncommitted changes in %s: commit or drop them first", path, r.o.Repository)
		}
		if err := WriteFile(root, path, text); err != nil {
			return Result{}, err
		}
		paths = append(paths, path)
	}
	if len(paths) > 0 {
		if _, err := r.git(ctx, nil, append([]string{"add", "--"}, paths...)...); err != nil {
			return Result{}, err
		}
		if _, err := r.git(ctx, strings.NewReader(want.Message), append([]string{"commit", "--quiet", "--file=-", "--only", "--"}, paths...)...); err != nil {
			return Result{}, err
		}
	}
	sha, err := r.git(ctx, nil, "rev-parse", "--verify", "HEAD")
	return Result{Changed: len(paths) > 0, Commit: sha, Attempts: 1}, err
}
