package gitrepo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/buenhyden/hy-home/internal/exit"
)

// CheckPath looks at a path inside a repository and refuses one that leads out of it,
// into .git, or over a symbolic link: files may stop links that lead out, but a link
// inside would silently mean another file than the one that was named.
func CheckPath(files fs.FS, name string) (fs.FileInfo, error) {
	if !filepath.IsLocal(name) || path.Clean(name) != name {
		return nil, exit.BadInputf("%q is not a path inside the repository", name)
	}
	parts := strings.Split(name, "/")
	if strings.EqualFold(parts[0], ".git") {
		return nil, exit.BadInputf("%q belongs to Git itself", name)
	}
	var info fs.FileInfo
	for i := range parts {
		at := path.Join(parts[:i+1]...)
		var err error
		if info, err = fs.Lstat(files, at); errors.Is(err, fs.ErrNotExist) {
			return nil, exit.BadInputf("%q does not exist in the repository", name)
		} else if errors.Is(err, syscall.ENAMETOOLONG) {
			return nil, exit.BadInputf("%.40q… is no path that a file system takes: it is too long", name)
		} else if err != nil {
			return nil, err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil, exit.BadInputf("%s is a symbolic link; name the real path", at)
		}
	}
	return info, nil
}

// WriteFile replaces a file that is there, all or nothing, and keeps its mode.
func WriteFile(root *os.Root, name string, text []byte) error {
	info, err := CheckPath(root.FS(), name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return exit.BadInputf("%s is not a regular file", name)
	}
	temp := path.Join(path.Dir(name), ".hyaction-"+rand.Text())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	// The umask took bits away, and a file that was executable must stay so.
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close())
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(temp)
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
