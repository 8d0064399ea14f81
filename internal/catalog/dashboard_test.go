package catalog

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// dashboard is as much of a Grafana dashboard as the suite looks at.
type dashboard struct {
	UID    string `json:"uid"`
	Title  string `json:"title"`
	Panels []struct {
		ID         int                      `json:"id"`
		Title      string                   `json:"title"`
		Datasource struct{ UID string }     `json:"datasource"`
		GridPos    struct{ X, Y, W, H int } `json:"gridPos"`
		Targets    []struct{ Expr string }  `json:"targets"`
	} `json:"panels"`
}

// Grafana leaves out a dashboard that it cannot read, with a line in its log.
func TestConformance_Dashboards(t *testing.T) {
	uids := map[string]string{}
	each(t, func(t *testing.T, c Component) {
		files, err := fs.Glob(c.Files, "manifests/*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := fs.ReadFile(c.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			var object struct {
				Metadata struct{ Labels map[string]string }
				Data     map[string]string
			}
			if !strings.Contains(string(text), "grafana_dashboard:") {
				continue
			}
			if err := yaml.Unmarshal(text, &object); err != nil {
				t.Fatal(err)
			}
			if object.Metadata.Labels["grafana_dashboard"] != "1" || len(object.Data) == 0 {
				t.Errorf("%s: its label must be grafana_dashboard: \"1\", and it must hold a dashboard", file)
			}
			for name, text := range object.Data {
				var d dashboard
				if err := json.Unmarshal([]byte(text), &d); err != nil {
					t.Errorf("%s: %s: %v", file, name, err)
					continue
				}
				if d.UID == "" || d.Title == "" || uids[d.UID] != "" || len(d.Panels) == 0 {
					t.Errorf("%s: %s needs a title, panels, and a uid of its own (%q is that of %q)", file, name, d.UID, uids[d.UID])
				}
				uids[d.UID] = name
				for i, p := range d.Panels {
					if p.Title == "" || p.Datasource.UID != "prometheus" || len(p.Targets) == 0 {
						t.Errorf("%s: panel %d %q needs a title, a query, and the data source prometheus", file, p.ID, p.Title)
					}
					for _, other := range d.Panels[:i] {
						a, b := p.GridPos, other.GridPos
						if p.ID == other.ID || a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
							t.Errorf("%s: panels %q and %q have the same id or lie on each other", file, p.Title, other.Title)
						}
					}
					if slices.ContainsFunc(p.Targets, func(q struct{ Expr string }) bool { return q.Expr == "" }) {
						t.Errorf("%s: panel %q has an empty query", file, p.Title)
					}
				}
			}
		}
	})
	if len(uids) == 0 {
		t.Error("no dashboard was looked at")
	}
}
