package diag

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// maxFile is how much of a text is kept: its end, where the fault is.
const maxFile = 1 << 20

// writer writes the files of a folder; it is safe for concurrent use and keeps
// its faults to the end, as one lost file is no reason to lose the others.
type writer struct {
	dir  string
	hide *strings.Replacer

	mu     sync.Mutex
	files  []file
	faults []error
	closed bool
}

type file struct {
	path string // below the folder
	size int
}

func newWriter(dir string, secrets map[string]string) *writer {
	return &writer{dir: dir, hide: hide(secrets)}
}

// shortestLine of a secret of several lines that is hidden on its own: a shorter
// one may be any word.
const shortestLine = 16

// hide replaces the secrets' values, also as they look in JSON, in a URL and in
// the data of a Kubernetes Secret, and the single lines of a longer one.
func hide(secrets map[string]string) *strings.Replacer {
	type form struct{ text, name string }
	var forms []form
	for name, value := range secrets {
		if value == "" {
			continue
		}
		quoted, _ := json.Marshal(value) // a string can always be written
		for _, text := range []string{value, strings.Trim(string(quoted), `"`), url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value))} {
			forms = append(forms, form{text, name})
		}
		if lines := strings.Split(value, "\n"); len(lines) > 1 {
			// A private key, which may be indented where it is shown.
			for _, line := range lines {
				if line = strings.TrimSpace(line); len(line) >= shortestLine {
					forms = append(forms, form{line, name})
				}
			}
		}
	}
	// The longest first: of a secret that begins with another one, the rest would stay.
	slices.SortFunc(forms, func(a, b form) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), strings.Compare(a.name, b.name))
	})
	var pairs []string
	for _, f := range forms {
		pairs = append(pairs, f.text, "<"+f.name+">")
	}
	return strings.NewReplacer(pairs...)
}

// write writes one file below a folder. What comes after the end is dropped.
func (w *writer) write(folder, name, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	text = w.hide.Replace(text)
	if cut := len(text) - maxFile; cut > 0 {
		text = fmt.Sprintf("(%d bytes before this are left out)\n%s", cut, strings.ToValidUTF8(text[cut:], ""))
	}
	// Names come from containers and pods: only their last part counts.
	path := filepath.Join(folder, filepath.Base("/"+name))
	full := filepath.Join(w.dir, path)
	err := os.MkdirAll(filepath.Dir(full), 0o700)
	if err == nil {
		err = os.WriteFile(full, []byte(text), 0o600)
	}
	if err != nil {
		w.faults = append(w.faults, fmt.Errorf("gather diagnostics: %w", err))
		return
	}
	w.files = slices.DeleteFunc(w.files, func(f file) bool { return f.path == path })
	w.files = append(w.files, file{path, len(text)})
}

// list is what was written so far, by path.
func (w *writer) list() []file {
	w.mu.Lock()
	defer w.mu.Unlock()
	files := slices.Clone(w.files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files
}

func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return errors.Join(w.faults...)
}
