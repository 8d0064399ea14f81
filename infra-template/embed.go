// Package infratemplate holds the infrastructure repository that a user starts from,
// and writes it.
package infratemplate

import (
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/exit"
)

//go:embed README.md apps clusters infra
var files embed.FS

// FS is the repository's files.
func FS() fs.FS { return files }

// Write puts the repository into dir, which must be empty or missing, and reports
// whether it wrote: a dir that holds the very same files already is left alone. The
// files are written beside dir first, so that a full disk leaves nothing half done.
func Write(dir string) (written bool, err error) {
	if dir == "" {
		return false, exit.BadInputf("the directory has no name: name an empty or new one")
	}
	entries, err := os.ReadDir(dir)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return false, exit.BadInputf("directory %q cannot be read: %w", dir, err)
	}
	if len(entries) > 0 {
		return false, same(dir)
	}
	target, err := filepath.Abs(dir) // "." has no name to write beside
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return false, exit.BadInputf("directory %q cannot be made: %w", dir, err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(target), ".hyaction-infra-")
	if err != nil {
		return false, exit.BadInputf("directory %q cannot be made: %w", dir, err)
	}
	defer os.RemoveAll(temp)
	if err := os.CopyFS(temp, files); err != nil {
		return false, err
	}
	if missing {
		if err := os.Chmod(temp, 0o755); err != nil {
			return false, err
		}
		return true, os.Rename(temp, target)
	}
	// The directory itself stays: it may be somebody's working directory.
	entries, err = os.ReadDir(temp)
	for _, e := range entries {
		err = errors.Join(err, os.Rename(filepath.Join(temp, e.Name()), filepath.Join(target, e.Name())))
	}
	return true, err
}

// same checks that a directory holds what Write would write.
func same(dir string) error {
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || !bytes.Equal(got, want) {
			return exit.BadInputf("directory %q is not empty, and its %s is not the template's: name an empty or new directory", dir, path)
		}
		return nil
	})
}
