// Package secrets makes the platform's credentials: each once, kept in a file
// that only its owner may read, loaded again by the next run.
//
// Values never appear in an error or a log; names do.
package secrets

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/disk"
)

// File holds all secrets of a platform in its state directory.
const File = "secrets.json"

// size of a secret in random bytes: 192 bits, 32 characters of A-Z a-z 0-9 - _
// which no config file, URL or shell needs to escape.
const size = 24

// Has reports whether dir has secrets of an earlier run.
func Has(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, File))
	return !errors.Is(err, fs.ErrNotExist)
}

// Restore stores secrets that were found elsewhere in a dir that has none. mask is
// called with every value first.
func Restore(dir string, found map[string]string, mask func(string)) error {
	if len(found) == 0 {
		return nil
	}
	for _, value := range found {
		mask(value)
	}
	return write(filepath.Join(dir, File), found)
}

// Load gives the secrets of these names from dir, and makes and stores the ones
// that are not there yet. Those given are taken as they are, and are not stored.
// mask is called with every value before Load returns it, so that it can never
// be printed. Secrets that nobody asks for stay stored: all is what there is.
func Load(dir string, names []string, given map[string]string, mask func(string)) (wanted, all map[string]string, err error) {
	path := filepath.Join(dir, File)
	stored, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	for _, value := range stored {
		mask(value)
	}
	wanted = make(map[string]string, len(names))
	made := false
	for _, name := range names {
		if value, ok := given[name]; ok {
			mask(value)
			wanted[name] = value
			continue
		}
		if stored[name] == "" {
			stored[name] = random()
			mask(stored[name])
			made = true
		}
		wanted[name] = stored[name]
	}
	if made {
		if err := write(path, stored); err != nil {
			return nil, nil, err
		}
	}
	return wanted, stored, nil
}

// Stored gives all secrets that dir has, and makes none. mask is called as by [Load].
func Stored(dir string, mask func(string)) (map[string]string, error) {
	stored, err := read(filepath.Join(dir, File))
	for _, value := range stored {
		mask(value)
	}
	return stored, err
}

// random is a new secret. crypto/rand never fails: it ends the process instead.
func random() string {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func read(path string) (map[string]string, error) {
	stored := map[string]string{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stored, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the generated secrets: %w", err)
	}
	if err := json.Unmarshal(text, &stored); err != nil || stored == nil {
		// Not made anew: the data services hold the old values in their volumes.
		// The decoder's own error would quote the file.
		return nil, fmt.Errorf("read the generated secrets: %s is damaged: run `hyaction platform down`, which removes it along with the data it belongs to", path)
	}
	return stored, nil
}

// write replaces the file in one step, so that a crash leaves the old or the new.
func write(path string, stored map[string]string) error {
	text, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return fmt.Errorf("store the generated secrets: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store the generated secrets: %w", err)
	}
	if err := disk.WriteFile(path, append(text, '\n')); err != nil {
		return fmt.Errorf("store the generated secrets: %w", err)
	}
	return nil
}
