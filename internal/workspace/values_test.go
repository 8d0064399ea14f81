package workspace

import (
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
)

// withChart is a catalog whose app is a chart with a subchart.
func withChart() catalog.Catalog {
	c := cat()
	c.Components[0].Files = fstest.MapFS{
		"values.yaml":                      {Data: []byte("replicas: 1\nserver: {retention: 15d, args: [a]}\nsince: 2024-01-01\n")},
		"chart/Chart.yaml":                 {Data: []byte("name: app\nversion: 1.0.0\ndependencies: [{name: grafana, version: 1.0.0}, {name: gone, version: 1.0.0}]\n")},
		"chart/values.yaml":                {Data: []byte("replicas: 2\nserver: {retention: 1d, port: 80, args: []}\nlabels: {}\nresources: {limits: {cpu: 1}}\n")},
		"chart/templates/deployment.yaml":  {Data: []byte("a: {{ .Values.server.hidden }}\nb: {{ toYaml .Values.resources | nindent 2 }}\nc: {{ .Values.server.port }}\n")},
		"chart/charts/grafana/values.yaml": {Data: []byte("admin: {user: a}\n")},
	}
	return c
}

func TestValues_LieBesideTheCatalogs(t *testing.T) {
	root := dir(t, map[string]string{"v/app.yaml": "server: {retention: 30d, args: [b, c]}\nlabels: null\nreplicas: 3\n", "v/notes.txt": "x"})
	e, err := Extend(withChart(), "all", Files{Root: root, ValuesDir: "v"})
	if err != nil || len(e.Warnings) > 0 {
		t.Fatalf("%v, warnings %q", err, e.Warnings)
	}
	for file, want := range map[string]string{catalog.UserValues: "server: {retention: 30d, args: [b, c]}\nlabels: null\nreplicas: 3\n", "values.yaml": "replicas: 1\n"} {
		if text, err := fs.ReadFile(e.component("app").Files, file); err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: got %q, %v", file, text, err)
		}
	}
	if _, err := fs.ReadFile(e.component("app").Files, "chart/Chart.yaml"); err != nil {
		t.Errorf("the chart beside it: %v", err)
	}
	if err := fs.WalkDir(e.component("app").Files, "chart", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Error(err)
	}
}

func TestValues_NobodyReadsAreSaid(t *testing.T) {
	root := dir(t, map[string]string{"v/app.yaml": "global: {a: b}\nserver:\n  retenton: 30d\n  hidden: 1\n  odd: 2\nlabels: {any: thing}\nresources:\n  requests: {cpu: 1}\ngrafana:\n  admin: {user: x, pasword: y}\ngone: {any: thing}\nreplicaCount: 3\n"})
	e, err := Extend(withChart(), "all", Files{Root: root, ValuesDir: "v"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"v/app.yaml:3: chart app reads no value server.retenton (is server.retention meant?)",
		"v/app.yaml:5: chart app reads no value server.odd",
		"v/app.yaml:10: chart app reads no value grafana.admin.pasword",
		"v/app.yaml:12: chart app reads no value replicaCount",
	}
	if !reflect.DeepEqual(e.Warnings, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(e.Warnings, "\n"), strings.Join(want, "\n"))
	}
}

// The catalog's own values are read by the catalog's own charts.
func TestValues_OfTheCatalogAreAllRead(t *testing.T) {
	c, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	every := catalog.Profile{Name: "every"} // no profile of the catalog has them all
	for _, comp := range c.Components {
		every.Components = append(every.Components, comp.Name)
		if text, err := fs.ReadFile(comp.Files, "values.yaml"); err == nil && comp.Driver == "helm" {
			files["v/"+comp.Name+".yaml"] = string(text)
		}
	}
	if len(files) == 0 {
		t.Fatal("no component of the catalog has values")
	}
	c.Profiles = append(slices.Clone(c.Profiles), every)
	e, err := Extend(c, every.Name, Files{Root: dir(t, files), ValuesDir: "v"})
	if err != nil || len(e.Warnings) > 0 {
		t.Errorf("%v, %q", err, e.Warnings)
	}
}

func TestValuesAndManifests_WrongInputsAreToldInOneSentence(t *testing.T) {
	root := dir(t, map[string]string{"unknown/grafna.yaml": "", "other/kind.yaml": "", "list/app.yaml": "- a\n", "twice/app.yaml": "a: 1\na: 2\n", "broken/app.yml": "a: [\n", "file": "", "kind.yaml": "kind: Cluster"})
	for _, tt := range []struct {
		profile string
		f       Files
		want    string
	}{
		{"all", Files{ValuesDir: "gone"}, `values-dir is "gone", which is no directory: give the path of one from `},
		{"all", Files{ValuesDir: "file"}, `values-dir is "file", which is no directory`},
		{"all", Files{ValuesDir: "unknown"}, "values-dir: unknown/grafna.yaml is for no chart of the catalog: there are app"},
		{"all", Files{ValuesDir: "other"}, "values-dir: other/kind.yaml is for no chart of the catalog"},
		{"all", Files{ValuesDir: "list"}, "values-dir: list/app.yaml: it must be a mapping of values"},
		{"all", Files{ValuesDir: "twice"}, `key "a" already set in map`},
		{"all", Files{ValuesDir: "broken"}, "values-dir: broken/app.yml: "},
		{"all", Files{ManifestsDir: "gone"}, `manifests-dir is "gone", which is no directory`},
		{"all", Files{KindConfig: "gone.yaml"}, `kind-config names "gone.yaml", which is not there`},
		{"net", Files{KindConfig: "kind.yaml"}, `kind-config is "kind.yaml", but profile net has no kind cluster`},
	} {
		c := withChart()
		c.Profiles = append(c.Profiles, catalog.Profile{Name: "net", Components: []string{"net"}})
		tt.f.Root = root
		_, err := Extend(c, tt.profile, tt.f)
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want bad input with %q", err, tt.want)
		}
	}
}

func TestValues_OfAComponentThatIsNotChosen(t *testing.T) {
	root := dir(t, map[string]string{"v/app.yaml": "replicas: 2\n"})
	e, err := Extend(withChart(), "bare", Files{Root: root, ValuesDir: "v"})
	if err != nil || len(e.Warnings) != 1 || e.Warnings[0] != filepath.Join("v", "app.yaml")+": profile bare does not install app, so nobody reads this file" {
		t.Errorf("%v, %q", err, e.Warnings)
	}
}

func TestExtend_ManifestsComeLast(t *testing.T) {
	root := dir(t, map[string]string{"m/a.yaml": "", "compose.yml": ""})
	e, err := Extend(cat(), "all", Files{Root: root, ManifestsDir: "m", ComposeFiles: []string{"compose.yml"}})
	if err != nil {
		t.Fatal(err)
	}
	var needs []string
	for _, n := range e.component(Manifests).Needs {
		needs = append(needs, n.Name)
		if n.Why == "" || n.Optional != (n.Name != "cluster") {
			t.Errorf("need %+v", n)
		}
	}
	if got := strings.Join(needs, " "); got != "cluster app kind namespaces user-compose" {
		t.Errorf("it comes after %s", got)
	}
}

func FuzzOverlay(f *testing.F) {
	f.Add("server: {retention: 1}\n")
	f.Add("a: &a {b: *a}\n<<: [1]\n? [x] : y\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := withChart().Components[0]
		found, err := overlay(&c, []byte(text))
		if err != nil {
			return
		}
		for _, u := range found {
			if u.Line < 1 || u.Path == "" {
				t.Errorf("a value without a place: %+v", u)
			}
		}
	})
}
