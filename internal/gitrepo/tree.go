package gitrepo

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// worktree is the [Tree] of files on disk. If it is sparse, only paths that were brought
// are there; a path that was not asked for does not exist.
type worktree struct {
	directory
	r *Repo
}

// directory is the [Tree] of a directory that is all there. It names the interfaces that
// the FS of an [os.Root] has, as embedding fs.FS alone would hide them: a link would be
// followed where it must be seen.
type directory interface {
	fs.ReadLinkFS
	fs.StatFS
	fs.ReadFileFS
	fs.ReadDirFS
}

// Directory is the [Tree] of all files below root.
func Directory(root *os.Root) Tree { return &worktree{root.FS().(directory), &Repo{}} }

// Known implements [Tree].
func (w *worktree) Known(name string) bool {
	if w.r.brought == nil {
		return true
	}
	name = path.Clean(name)
	for _, p := range w.r.brought {
		if p == name || p == "." && !strings.Contains(name, "/") || strings.HasPrefix(name, p+"/") {
			return true
		}
	}
	return false
}

// Load implements [Tree]: one step of sparse-checkout, which fetches what it needs at once.
func (w *worktree) Load(ctx context.Context, names ...string) error {
	var missing []string
	for _, name := range names {
		if !w.Known(name) {
			missing = append(missing, path.Clean(name))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return w.r.sparse(ctx, "add", "", missing)
}

// sparse has the work tree hold paths: files or directories with all below them, and of
// the top (".") its files and the names of its directories.
func (r *Repo) sparse(ctx context.Context, verb, flag string, names []string) error {
	var patterns strings.Builder
	for _, name := range names {
		if name == "." {
			patterns.WriteString("/*\n")
			continue
		}
		patterns.WriteString("/" + escapePattern.Replace(name) + "\n")
	}
	args := []string{"sparse-checkout", verb}
	if flag != "" {
		args = append(args, flag)
	}
	if _, err := r.git(ctx, r.work, strings.NewReader(patterns.String()), append(args, "--stdin")...); err != nil {
		return fmt.Errorf("bringing %s: %w", strings.Join(names, ", "), err)
	}
	r.brought = append(r.brought, names...)
	return nil
}

var escapePattern = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)
