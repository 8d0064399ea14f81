package setupplatform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/plan"
)

// recordFile notes in the state directory what was made, so that all of it can
// be taken down: by a newer hyaction, after a change of the profile, or after a
// run that broke off.
const recordFile = "platform.json"

type record struct {
	Name       string   `json:"name"`
	Profile    string   `json:"profile"`    // of the last run
	Components []string `json:"components"` // of all runs since the platform was last taken down
}

// add notes the components of a plan beside those that are there already.
func (r record) add(p plan.Plan) record {
	r.Profile = p.Profile
	r.Components = slices.Clone(r.Components)
	for _, c := range p.Components {
		if !slices.Contains(r.Components, c.Name) {
			r.Components = append(r.Components, c.Name)
		}
	}
	return r
}

// load reads the record; a platform that was never set up has an empty one.
func load(dir string) (record, error) {
	var r record
	path := filepath.Join(dir, recordFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read the platform's record: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, exit.BadInputf("the platform's record %s is damaged: delete it, then run `hyaction platform down`, which then looks for every component there is", path)
	}
	return r, nil
}

// save writes the record in one step.
func (r record) save(dir string) error {
	if err := makeStateDir(dir); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the platform's record: %w", err)
	}
	tmp := filepath.Join(dir, recordFile+".new") // only the holder of the lock writes it
	if err := os.WriteFile(tmp, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the platform's record: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, recordFile)); err != nil {
		return fmt.Errorf("write the platform's record: %w", err)
	}
	return nil
}
