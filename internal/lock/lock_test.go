package lock

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/buenhyden/hy-home/internal/catalog"
)

var (
	digestA = "sha256:" + strings.Repeat("a", 64)
	digestB = "sha256:" + strings.Repeat("b", 64)
)

// The catalog and the lock that ships with it say the same: every image and
// every chart has its entry, and nothing else has.
func TestEmbedded_IsOfTheCatalog(t *testing.T) {
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	locked, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	updated, _, err := Update(cat, locked, Sources{
		Image: func(string) (Image, error) { return Image{}, ErrUnreachable },
		Chart: func(Chart) (string, error) { return "", ErrUnreachable },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Diff(locked, updated) {
		t.Errorf("platform.lock has %s %s as %q, the catalog wants %q: run make lock", c.What, c.Name, c.From, c.To)
	}
	text, err := updated.Text()
	if err != nil || string(text) != string(catalog.LockFile) {
		t.Errorf("platform.lock is not as hyaction writes it (%v): run make lock", err)
	}
}

func TestParse_RefusesWhatCannotBeMeant(t *testing.T) {
	for text, want := range map[string]string{
		"images: [{image: redis, digest: ''}]":                                             `image "redis" is not in full`,
		"images: [{image: redis:7, digest: ''}]":                                           `image "redis:7" is not in full`,
		"images: [{image: docker.io/redis:7, digest: ''}]":                                 "is not in full",
		"images: [{image: 'docker.io/library/redis:7@" + digestA + "', digest: ''}]":       "is not in full",
		"images: [{image: quay.io/a/b:1, digest: sha256:abc}]":                             `digest "sha256:abc" is not sha256:`,
		"images: [{image: quay.io/a/b:1, digest: '', size: -1}]":                           "size -1 is negative",
		"images: [{image: quay.io/a/b:1, digest: ''}, {image: quay.io/a/b:1, digest: ''}]": "listed twice",
		"images: [{image: quay.io/a/b:1, digets: ''}]":                                     `unknown field "digets"`,
		"charts: [{component: a, chart: a, version: 1.0.0, digest: ''}]":                   "digest \"\" is not sha256:",
		"charts: [{chart: a, version: 1.0.0, digest: ''}]":                                 "lacks its component",
		"images: []\n---\nimages: []":                                                      "more than one document",
		"\t":                                                                               "cannot start any token",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestText_IsStableAndKeepsItsHead(t *testing.T) {
	head := "# one\n# two\n"
	l, err := Parse([]byte(head + "images: [{image: quay.io/b/b:1, digest: ''}, {image: quay.io/a/a:1, digest: " + digestA + ", size: 7}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	want := head + `charts: []
images:
  - image: quay.io/a/a:1
    digest: ` + digestA + `
    size: 7
  - image: quay.io/b/b:1
    digest: ""
`
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if twice, _ := again.Text(); string(twice) != want {
		t.Errorf("written twice it is\n%s", twice)
	}
}

func TestNormal(t *testing.T) {
	for ref, want := range map[string]string{
		"redis":                           "docker.io/library/redis:latest",
		"redis:7":                         "docker.io/library/redis:7",
		"prom/prometheus:v2":              "docker.io/prom/prometheus:v2",
		"docker.io/redis:7":               "docker.io/library/redis:7",
		"index.docker.io/library/redis:7": "docker.io/library/redis:7",
		"localhost/a:1":                   "localhost/a:1",
		"localhost:5001/a/b":              "localhost:5001/a/b:latest",
		"quay.io/a/b:1@" + digestA:        "quay.io/a/b:1@" + digestA,
		"quay.io/a/b@" + digestA:          "quay.io/a/b@" + digestA,
	} {
		if got := Normal(ref); got != want {
			t.Errorf("%s: got %s, want %s", ref, got, want)
		}
		if again := Normal(Normal(ref)); again != want {
			t.Errorf("%s: twice it is %s", ref, again)
		}
	}
}

func TestPin(t *testing.T) {
	l := Lock{Images: []Image{{Ref: "docker.io/library/redis:7", Digest: digestA}, {Ref: "quay.io/a/b:1"}}}
	for ref, want := range map[string]string{
		"redis:7":                "redis:7@" + digestA,
		"docker.io/redis:7":      "docker.io/redis:7@" + digestA,
		"redis:7@" + digestB:     "redis:7@" + digestB, // somebody chose it
		"redis:8":                "redis:8",
		"quay.io/a/b:1":          "quay.io/a/b:1", // not known yet
		"localhost:5001/redis:7": "localhost:5001/redis:7",
		"":                       "",
	} {
		if got := l.Pin(ref); got != want {
			t.Errorf("%q: got %q, want %q", ref, got, want)
		}
	}
	if got := l.Unknown([]string{"redis:7", "quay.io/a/b:1", "quay.io/a/b:1", "x@" + digestA}); !reflect.DeepEqual(got, []string{"quay.io/a/b:1"}) {
		t.Errorf("unknown: %v", got)
	}
}

func TestPinObject_FindsContainersWhereverTheyAre(t *testing.T) {
	l := Lock{Images: []Image{{Ref: "docker.io/library/redis:7", Digest: digestA}}}
	container := func() map[string]any { return map[string]any{"name": "c", "image": "redis:7"} }
	template := map[string]any{"spec": map[string]any{
		"containers": []any{container()}, "initContainers": []any{container()},
	}}
	object := map[string]any{
		"kind": "CronJob",
		"spec": map[string]any{
			"image":       "redis:7", // no container: whoever reads it may not know digests
			"jobTemplate": map[string]any{"spec": map[string]any{"template": template}},
		},
	}
	if !l.PinObject(object) || l.PinObject(object) {
		t.Error("it says it changed nothing, or twice something")
	}
	text := fmt.Sprint(object)
	if n := strings.Count(text, "redis:7@"+digestA); n != 2 || strings.Count(text, "redis:7") != 3 {
		t.Errorf("%d of 2 containers are pinned: %s", n, text)
	}
}

func TestCheckChart_NamesBothDigests(t *testing.T) {
	c := catalog.Component{Name: "web", Files: fstest.MapFS{
		"chart/Chart.yaml":         {Data: []byte("name: web\nversion: 1.2.3\n")},
		"chart/templates/web.yaml": {Data: []byte("a: 1\n")},
	}}
	chart, ok, err := ChartOf(c)
	if err != nil || !ok || chart.Name != "web" || chart.Version != "1.2.3" {
		t.Fatal(chart, ok, err)
	}
	l := Lock{Charts: []Chart{chart}}
	if err := l.CheckChart(chart); err != nil {
		t.Error(err)
	}
	c.Files = fstest.MapFS{
		"chart/Chart.yaml":         {Data: []byte("name: web\nversion: 1.2.3\n")},
		"chart/templates/web.yaml": {Data: []byte("a: 2\n")},
	}
	other, _, err := ChartOf(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.CheckChart(other); err == nil || !strings.Contains(err.Error(), chart.Digest) || !strings.Contains(err.Error(), other.Digest) {
		t.Errorf("got %v", err)
	}
	other.Component = "mine"
	if err := l.CheckChart(other); err != nil {
		t.Errorf("a chart that the lock does not know: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(catalog.LockFile))
	f.Add("images: [{image: quay.io/a/b:1, digest: ''}]")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse([]byte(text))
		if err != nil {
			return
		}
		written, err := l.Text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(written)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, written)
		}
		if d := Diff(l, again); len(d) > 0 || again.Head != l.Head {
			t.Errorf("it comes back changed: %v", d)
		}
	})
}

func TestRemoteChart_RefusesWhatCannotBeFetched(t *testing.T) {
	for setting, values := range map[string][]string{
		"repository": {"", "charts.example", "ftp://charts.example", "http://charts.example", "https://user:word@charts.example", "https://charts.example/?a=b"},
		"chart":      {"", "../web", "web:1", "Web"},
		"version":    {"", "1", "1.2", "^1.2.3", "1.2.3 || 2.0.0", "latest", ">1.2.3"},
	} {
		for _, v := range values {
			settings := map[string]any{"repository": "oci://registry.example/charts", "chart": "web", "version": "v1.2.3-rc.1"}
			if _, ok, err := RemoteChart(catalog.Component{Name: "web", Driver: "helm", Settings: settings}); !ok || err != nil {
				t.Fatal(err)
			}
			settings[setting] = v
			if _, _, err := RemoteChart(catalog.Component{Name: "web", Driver: "helm", Settings: settings}); err == nil || !strings.Contains(err.Error(), "settings."+setting) {
				t.Errorf("%s %q: %v", setting, v, err)
			}
		}
	}
}

// A size may run what the component's own does not.
func TestOf_KnowsTheImagesOfEverySize(t *testing.T) {
	cat, err := catalog.Load(fstest.MapFS{
		"components/db/component.yaml":          {Data: []byte("{name: db, description: x, tier: docker, driver: compose, timeout: 1m, budget: {cpu: 1m, memory: 1Mi}, images: [docker.io/library/db:1]}")},
		"components/db/sizes/ha/component.yaml": {Data: []byte("images: [docker.io/library/db:1, docker.io/library/router:2]")},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Of(cat)
	if err != nil {
		t.Fatal(err)
	}
	want := []Image{{Ref: "docker.io/library/db:1"}, {Ref: "docker.io/library/router:2"}}
	if !reflect.DeepEqual(l.Images, want) {
		t.Errorf("got %v", l.Images)
	}
}
