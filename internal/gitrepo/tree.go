package gitrepo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
)

// Tree shows the files of a commit. Not all of them need be at hand: opening what is not
// brings it, one at a time, and Load brings many at once.
type Tree interface {
	fs.FS
	Known(name string) bool // whether opening it brings nothing
	Load(ctx context.Context, names ...string) error
	// Files lists the paths of all files below a directory; none if it is not there.
	Files(ctx context.Context, dir string) ([]string, error)
	// Messages are those of the newest commits that changed one of paths, newest first.
	Messages(ctx context.Context, paths ...string) ([]string, error)
}

// directory is the [Tree] of a directory, where everything is at hand.
type directory struct{ files }

// files names the interfaces that the FS of an [os.Root] has, as embedding fs.FS alone
// would hide them: a link would be followed where it must be seen.
type files interface {
	fs.ReadLinkFS
	fs.StatFS
	fs.ReadFileFS
	fs.ReadDirFS
}

// Directory is the [Tree] of all files below root.
func Directory(root *os.Root) Tree { return directory{root.FS().(files)} }

// Known implements [Tree], as do the methods below.
func (directory) Known(string) bool { return true }

func (directory) Load(context.Context, ...string) error { return nil }

func (d directory) Files(_ context.Context, dir string) (found []string, err error) {
	err = fs.WalkDir(d, path.Clean(dir), func(name string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err == nil && e.IsDir() && e.Name() == ".git":
			return fs.SkipDir
		case err == nil && !e.IsDir():
			found = append(found, name)
		}
		return err
	})
	return found, err
}

// Messages knows none: what lies in a directory need not be committed.
func (directory) Messages(context.Context, ...string) ([]string, error) { return nil, nil }
