package gitrepo

import (
	"context"
	"io/fs"
)

// worktree is the [Tree] of files on disk.
type worktree struct {
	fs.FS
	r *Repo
}

// Known implements [Tree]: a work tree that is not sparse holds everything.
func (w *worktree) Known(name string) bool { return true }

// Load implements [Tree].
func (w *worktree) Load(context.Context, ...string) error { return nil }
