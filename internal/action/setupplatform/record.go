package setupplatform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/workspace"
)

// recordFile notes in the state directory what was made, so that all of it can
// be taken down: by a newer hyaction, after a change of the profile, or after a
// run that broke off.
const recordFile = "platform.json"

type record struct {
	Name       string `json:"name"`
	Profile    string `json:"profile"`    // of the last run
	Components []made `json:"components"` // of all runs since the platform was last taken down
}

// made is a component as it was planned: with the settings of its profile, and
// also if the catalog does not have it, as what a user brought along.
type made struct {
	Name      string           `json:"name"`
	Tier      string           `json:"tier"`
	Driver    string           `json:"driver"`
	Namespace string           `json:"namespace,omitempty"`
	Timeout   catalog.Duration `json:"timeout"`
	Needs     []string         `json:"needs,omitempty"`
	Size      string           `json:"size,omitempty"`
	Settings  map[string]any   `json:"settings,omitempty"`

	Expose []catalog.Endpoint `json:"expose,omitempty"`
	Ready  []catalog.Probe    `json:"ready,omitempty"` // of one that the catalog does not have
}

// add notes the components of a plan beside those that are there already.
func (r record) add(p plan.Plan) record {
	r.Profile = p.Profile
	r.Components = slices.Clone(r.Components)
	for _, c := range p.Components {
		m := made{Name: c.Name, Tier: c.Tier, Driver: c.Driver, Namespace: c.Namespace, Timeout: c.Timeout, Size: c.Size, Settings: c.Settings, Expose: c.Expose, Ready: c.Ready}
		for _, n := range c.Needs {
			m.Needs = append(m.Needs, n.Name)
		}
		i := slices.IndexFunc(r.Components, func(m made) bool { return m.Name == c.Name })
		if i < 0 {
			r.Components = append(r.Components, m)
		} else {
			r.Components[i] = m
		}
	}
	return r
}

// recorded are the components to look at, in no certain order: those of the
// record, or all of the catalog where there is none, as after a lost state
// directory.
func recorded(cat catalog.Catalog, rec record) []catalog.Component {
	if len(rec.Components) == 0 {
		return workspace.Known(cat).Components
	}
	var cs []catalog.Component
	for _, m := range rec.Components {
		c, known := cat.Component(m.Name) // for its files and probes, if it is there
		if sized, err := c.Sized(m.Size); err == nil {
			c = sized
		}
		if !known {
			// What asks for a file of its directory cannot be asked any more.
			c.Ready = slices.DeleteFunc(m.Ready, func(p catalog.Probe) bool { return p.Webhook != nil })
		}
		c.Name, c.Tier, c.Driver, c.Namespace, c.Timeout, c.Settings, c.Expose = m.Name, m.Tier, m.Driver, m.Namespace, m.Timeout, m.Settings, m.Expose
		c.Needs = nil
		for _, n := range m.Needs {
			c.Needs = append(c.Needs, catalog.Need{Name: n})
		}
		cs = append(cs, c)
	}
	return cs
}

// load reads the record; a platform that was never set up has an empty one.
func load(dir string) (record, error) {
	var r record
	path := filepath.Join(dir, recordFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if info, statErr := os.Stat(dir); err != nil && statErr == nil && !info.IsDir() {
		return r, exit.BadInputf("state-dir %q is a file: name a directory, or none to take the default", dir)
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
	if err := disk.WriteFile(filepath.Join(dir, recordFile), append(text, '\n')); err != nil {
		return fmt.Errorf("write the platform's record: %w", err)
	}
	return nil
}
