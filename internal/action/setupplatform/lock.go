package setupplatform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/buenhyden/hy-home/internal/exit"
)

// claim makes sure that one run at a time works on a platform. The lock ends
// with the process, however that ends. Its file lies beside the state directory
// and stays: to remove a lock file is to let two runs hold "the" lock.
func claim(o Options) (unlock func(), err error) {
	if err := checkName(o.Name); err != nil {
		return nil, err
	}
	path := filepath.Clean(o.StateDir) + ".lock"
	if err := makeStateDir(filepath.Dir(path)); err != nil {
		return nil, unusable(o.StateDir, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(o.StateDir, fmt.Errorf("open the lock of platform %s: %w", o.Name, err))
	}
	if held, err := tryLock(f); err != nil || !held {
		defer f.Close()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		holder, _ := os.ReadFile(path) // only to name it
		return nil, exit.BadInputf("another hyaction (process %s) is at work on platform %q: wait until it is done", orUnknown(strings.TrimSpace(string(holder))), o.Name)
	}
	_ = f.Truncate(0)
	_, _ = fmt.Fprintf(f, "%d\n", os.Getpid()) // for people; the lock itself is held
	return func() { _ = f.Close() }, nil
}

// unusable calls it bad input that a state directory is where nobody can make one. Any
// other error, such as a full disk, stays as it is.
func unusable(dir string, err error) error {
	for _, place := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, syscall.EROFS, syscall.ENAMETOOLONG} {
		if errors.Is(err, place) {
			return exit.BadInputf("state-dir %q cannot be made (%v): name another directory, or none to take the default", dir, err)
		}
	}
	return err
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
