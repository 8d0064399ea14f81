package artifact

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

// keep is how many versions of an artifact stay in the store: the one in use and
// the one before, so that going back to the last branch costs nothing.
const keep = 2

// Store keeps artifacts in a directory, as NAME-KEY.
type Store struct {
	Dir string
}

// Path is where an artifact lies if the store has it.
func (s *Store) Path(a *Artifact) string {
	return filepath.Join(s.Dir, a.Name+"-"+a.Key())
}

// Has reports whether the store has an artifact.
func (s *Store) Has(a *Artifact) bool {
	_, err := os.Stat(s.Path(a))
	return err == nil
}

// Build makes an artifact whose inputs are in the store, unless it is there. The
// directory appears under its name only when it is complete. Two processes that
// want the same artifact take turns, and the second finds it made.
func (s *Store) Build(ctx context.Context, a *Artifact, progress func(string)) (engine.Outcome, error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := s.lock(ctx, a.Name, progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if s.Has(a) {
		return engine.Unchanged, nil
	}
	temp := s.Path(a) + ".part" // left over only by a process that was killed, and ours while we hold the lock
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	if err := a.Make(ctx, temp, s.Path, progress); err != nil {
		return "", err
	}
	if err := os.Rename(temp, s.Path(a)); err != nil {
		return "", err
	}
	return engine.Created, s.prune(a.Name)
}

// lock waits until no other process builds the artifact. The lock is the
// kernel's: it goes with the process that holds it, however that ends.
func (s *Store) lock(ctx context.Context, name string, progress func(string)) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.Dir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if err != syscall.EWOULDBLOCK {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		progress("another process builds it")
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// prune removes all but the newest versions of an artifact.
func (s *Store) prune(name string) error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	var versions []fs.FileInfo
	for _, e := range entries {
		key, ok := strings.CutPrefix(e.Name(), name+"-")
		if !ok || len(key) != 16 || strings.ContainsAny(key, "-.") {
			continue // another artifact's, or a part of one
		}
		if info, err := e.Info(); err == nil {
			versions = append(versions, info)
		}
	}
	slices.SortFunc(versions, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for i, v := range versions {
		if i < keep {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.Dir, v.Name())); err != nil {
			return err
		}
	}
	return nil
}
