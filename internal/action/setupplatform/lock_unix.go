//go:build unix

package setupplatform

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock of a file unless somebody holds it.
func tryLock(f *os.File) (held bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
