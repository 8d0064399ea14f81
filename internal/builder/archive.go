package builder

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/go-archive"
	"github.com/moby/patternmatcher/ignorefile"
)

// addedDockerfile is the name under which a Dockerfile is sent that is no file of the
// context. The engine takes it away again, as .dockerignore names it.
const addedDockerfile = ".dockerfile.hyaction"

// archive is the context as the engine wants it: a tar of the files that .dockerignore
// leaves, with owner 0:0, so that the machine's users do not decide on the cache. Links
// are sent as links: what they point to outside of the context is not read.
func (b *build) archive() (files io.ReadCloser, dockerfile string, err error) {
	ignored, err := ignoredFiles(b.o.Context)
	if err != nil {
		return nil, "", err
	}
	dockerfile, outside := b.o.outside()
	options := &archive.TarOptions{ExcludePatterns: ignored, ChownOpts: &archive.ChownOpts{}}
	if !outside {
		// The engine needs both, and takes them away if they are ignored.
		options.ExcludePatterns = append(options.ExcludePatterns, "!"+dockerfile, "!.dockerignore")
		files, err = archive.TarWithOptions(b.o.Context, options)
		return files, dockerfile, err
	}
	text := []byte(b.o.Dockerfile)
	if b.o.Dockerfile == "" {
		if text, err = os.ReadFile(b.o.File); err != nil {
			return nil, "", err
		}
	}
	options.ExcludePatterns = append(options.ExcludePatterns, "!.dockerignore")
	if files, err = archive.TarWithOptions(b.o.Context, options); err != nil {
		return nil, "", err
	}
	return archive.ReplaceFileTarWrapper(files, map[string]archive.TarModifierFunc{
		addedDockerfile: entry(func([]byte) []byte { return text }),
		".dockerignore": entry(func(had []byte) []byte { return append(had, "\n"+addedDockerfile+"\n.dockerignore\n"...) }),
	}), addedDockerfile, nil
}

// entry makes a file of what it had before.
func entry(text func([]byte) []byte) archive.TarModifierFunc {
	return func(name string, h *tar.Header, content io.Reader) (*tar.Header, []byte, error) {
		var had []byte
		if h == nil {
			h = &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600}
		} else {
			var err error
			if had, err = io.ReadAll(content); err != nil {
				return nil, nil, err
			}
		}
		made := text(had)
		h.Size = int64(len(made))
		return h, made, nil
	}
}

func ignoredFiles(dir string) ([]string, error) {
	f, err := os.Open(filepath.Join(dir, ".dockerignore"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ignorefile.ReadAll(f)
}
