package compose

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/engine"
)

// made notes what was made in the user's own directories, so that a later run
// knows it again and a removal takes it away.
type made struct {
	Files       map[string]string `json:"files"`       // path: digest of what was written
	Directories []string          `json:"directories"` // the outer ones first
}

func madeFile(env engine.Env, component string) string {
	return filepath.Join(env.StateDir, component+".json")
}

func loadMade(env engine.Env, c catalog.Component) (made, error) {
	m := made{Files: map[string]string{}}
	text, err := os.ReadFile(madeFile(env, c.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, fmt.Errorf("read what was made for %s: %w", c.Name, err)
	}
	return m, nil
}

func (m made) save(env engine.Env, component string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := madeFile(env, component)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return disk.WriteFile(path, append(text, '\n'))
}

// forget removes what was made: files that nobody changed since, directories
// that are empty.
func (m made) forget(env engine.Env, component string) error {
	for path, sum := range m.Files {
		if text, err := os.ReadFile(path); err == nil && digest(string(text)) == sum {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove %s: %w", path, err)
			}
		}
	}
	for _, dir := range slices.Backward(m.Directories) {
		_ = os.Remove(dir) // what containers left in it is the user's to judge
	}
	if err := os.Remove(madeFile(env, component)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
