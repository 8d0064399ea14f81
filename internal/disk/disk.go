// Package disk writes files whole or not at all, and tells of a file system that
// is full how much room it has left: "no space left on device" names neither the
// device nor the cure.
package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// signs are how other programs hand on that nothing more can be written: as text.
var signs = []string{"no space left on device", "disk quota exceeded"}

// IsFull reports that an error says of a file system, or of somebody's share of
// it, that it is full. Trying again cannot help: nobody makes room but a person.
func IsFull(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return true
	}
	return Says(err.Error())
}

// Says reports the same of a text.
func Says(text string) bool {
	text = strings.ToLower(text)
	for _, sign := range signs {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// fullError is an error that has been explained.
type fullError struct {
	error
	room string
}

func (e *fullError) Error() string {
	return e.error.Error() + ": " + e.room + ": make room, then run it again"
}
func (e *fullError) Unwrap() error { return e.error }

// Explain adds to the error of a full file system how much is left where: in each
// of the directories that can be looked at. Any other error, and one that has been
// explained, stays as it is.
func Explain(err error, dirs ...string) error {
	var explained *fullError
	if !IsFull(err) || errors.As(err, &explained) {
		return err
	}
	var rooms []string
	for _, dir := range dirs {
		if free, total := Room(dir); total > 0 {
			rooms = append(rooms, fmt.Sprintf("%s has %s of %s left", dir, size(free), size(total)))
		}
	}
	if len(rooms) == 0 {
		return err
	}
	return &fullError{err, strings.Join(rooms, ", ")}
}

// size is a number of bytes as people read it: "12Ki", "1.5Gi".
func size(n int64) string {
	unit := 0
	v := float64(n)
	for ; v >= 1024 && unit < 4; unit++ {
		v /= 1024
	}
	return strings.Replace(fmt.Sprintf("%.1f", v), ".0", "", 1) + []string{"", "Ki", "Mi", "Gi", "Ti"}[unit]
}

// WriteFile writes a file in one step, for its owner alone: whoever reads it finds
// the old text or the new one, also after a crash or on a disk that ran full. Its
// directory must be there.
func WriteFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*") // 0600 from the start
	if err != nil {
		return Explain(err, dir)
	}
	_, err = tmp.Write(text)
	// A full disk may be told of as late as here.
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		if err = os.Rename(tmp.Name(), path); err == nil {
			return nil
		}
	}
	_ = os.Remove(tmp.Name()) // it holds half of what it should
	return Explain(err, dir)
}
