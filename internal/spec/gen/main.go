// Command gen writes what follows from the declarations in internal/spec: the
// action.yml of each action, the reference part of its README, and the table of
// actions in the README of the repository. And docs/components.md, which follows
// from the catalog.
//
//	go generate ./internal/spec          # after a change of a declaration or of the catalog
//	go run ./internal/spec/gen -release-tree
//
// The second form adds <name>/action.yml at the top, which only the tree of a
// release carries: a caller then writes hy-home/bump-image@v1.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/spec"
)

func main() {
	root := flag.String("root", ".", "top of the repository")
	releaseTree := flag.Bool("release-tree", false, "write only what the tree of a release has in addition")
	flag.Parse()

	files, err := repositoryFiles(*root, spec.All())
	if *releaseTree {
		files, err = releaseFiles(spec.All())
	}
	if err == nil {
		err = write(*root, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// repositoryFiles renders every generated file by its path below root. A README
// that is there keeps what stands outside the markers.
func repositoryFiles(root string, actions []spec.Action) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, a := range actions {
		dir, bootstrap := filepath.Join("actions", a.Name), "/../lib/bootstrap.sh"
		if a.Root {
			dir, bootstrap = ".", "/actions/lib/bootstrap.sh"
		}
		yml, err := actionYAML(a, bootstrap)
		if err != nil {
			return nil, err
		}
		files[filepath.Join(dir, "action.yml")] = yml
		if a.Root {
			continue // documented by the README of the repository
		}
		path := filepath.Join(dir, "README.md")
		before, err := os.ReadFile(filepath.Join(root, path))
		if errors.Is(err, fs.ErrNotExist) {
			before, err = newREADME(a), nil
		}
		if err != nil {
			return nil, err
		}
		if files[path], err = replaceBetween(before, referenceBegin, referenceEnd, reference(a)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return nil, err
	}
	if files["README.md"], err = replaceBetween(readme, actionsBegin, actionsEnd, actionsTable(actions)); err != nil {
		return nil, fmt.Errorf("README.md: %w", err)
	}
	cat, err := catalog.Embedded()
	if err != nil {
		return nil, err
	}
	if files[filepath.Join("docs", "components.md")], err = componentsPage(cat); err != nil {
		return nil, fmt.Errorf("docs/components.md: %w", err)
	}
	return files, nil
}

// releaseFiles renders what the tree of a release has in addition.
func releaseFiles(actions []spec.Action) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, a := range actions {
		if a.Root {
			continue
		}
		yml, err := actionYAML(a, "/../actions/lib/bootstrap.sh")
		if err != nil {
			return nil, err
		}
		files[filepath.Join(a.Name, "action.yml")] = yml
	}
	return files, nil
}

// write writes the files that differ, so that a run without a change touches nothing.
func write(root string, files map[string][]byte) error {
	for path, want := range files {
		path = filepath.Join(root, path)
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			return err
		}
	}
	return nil
}
