package contentkey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// dockerfile is what a build is told by.
type dockerfile struct {
	text   []byte
	ignore []string // patterns of files that are no part of the context
}

func (in Inputs) readDockerfile() (dockerfile, error) {
	name, text := in.File, []byte(in.Dockerfile)
	if name == "" {
		name = filepath.Join(in.Context, "Dockerfile")
	}
	if in.Dockerfile == "" {
		var err error
		if text, err = os.ReadFile(name); err != nil {
			return dockerfile{}, err
		}
	}
	// A Dockerfile may have an ignore file of its own, which then counts alone.
	ignore, err := os.ReadFile(name + ".dockerignore")
	if errors.Is(err, fs.ErrNotExist) {
		ignore, err = os.ReadFile(filepath.Join(in.Context, ".dockerignore"))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return dockerfile{}, err
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(ignore))
	if err != nil {
		return dockerfile{}, fmt.Errorf("read the ignore file of %s: %w", name, err)
	}
	return dockerfile{text, patterns}, nil
}

// hashContext hashes names, modes and contents. Owners do not count, for builders
// make them root; times do not, for a checkout makes them anew.
func hashContext(ctx context.Context, dir string, ignore []string) ([]byte, error) {
	all, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	kept, err := fsutil.NewFilterFS(all, &fsutil.FilterOpt{ExcludePatterns: ignore})
	if err != nil {
		return nil, fmt.Errorf("patterns of the ignore file of %s: %w", dir, err)
	}
	h := sha256.New()
	err = kept.Walk(ctx, "", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == ".git" {
			// Times and logs in there differ in each clone, so no key would be met twice.
			return errors.New("it holds .git, which differs in each clone: name .git in .dockerignore")
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*types.Stat)
		if !ok {
			return fmt.Errorf("%s: no state of a file", path)
		}
		content, link := "", ""
		switch {
		case info.Mode().IsRegular():
			// A hard link is a file like others: what is linked with what is not
			// kept by a checkout.
			if content, err = hashFile(kept, path); err != nil {
				return err
			}
		case info.Mode()&fs.ModeSymlink != 0:
			link = stat.Linkname
		}
		put(h, filepath.ToSlash(path), strconv.FormatUint(uint64(stat.Mode), 8), content, link, strconv.FormatInt(stat.Devmajor, 10), strconv.FormatInt(stat.Devminor, 10))
		for _, name := range slices.Sorted(maps.Keys(stat.Xattrs)) {
			put(h, "attribute", name, string(stat.Xattrs[name]))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read context %s: %w", dir, err)
	}
	return h.Sum(nil), nil
}

func hashFile(from fsutil.FS, path string) (string, error) {
	f, err := from.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return string(h.Sum(nil)), nil
}
