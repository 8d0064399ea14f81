package helm

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	kubefake "helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/lock"
)

var update = flag.Bool("update", false, "write the golden files")

func memory() *action.Configuration {
	return &action.Configuration{
		Releases:     storage.Init(driver.NewMemory()),
		KubeClient:   &kubefake.PrintingKubeClient{Out: io.Discard},
		Capabilities: chartutil.DefaultCapabilities,
		Log:          func(string, ...any) {},
	}
}

func testEnv(t *testing.T) hyengine.Env {
	return hyengine.Env{Name: "lab", Kubeconfig: filepath.Join(t.TempDir(), "none"), Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
}

func component(values string) catalog.Component {
	return catalog.Component{Name: "web", Namespace: "shop", Files: fstest.MapFS{
		"chart/Chart.yaml":         {Data: []byte("apiVersion: v2\nname: web\nversion: 1.2.3\n")},
		"chart/values.yaml":        {Data: []byte("text: default\n")},
		"chart/templates/map.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {text: {{ .Values.text | quote }}}\n")},
		"values.yaml":              {Data: []byte(values)},
	}}
}

// The digest reaches the container by whatever way the chart composes the image,
// and a changed digest is a change of the release.
func TestApply_PinsImages(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	c := component("tag: v1\n")
	c.Images = []string{"quay.io/shop/web:v1"}
	c.Files.(fstest.MapFS)["chart/templates/pod.yaml"] = &fstest.MapFile{Data: []byte(
		"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: 'quay.io/shop/web:{{ .Values.tag }}'}]}\n")}
	manifest := func(l lock.Lock) (string, string) {
		ch, v, hash, err := load(t.Context(), c, hyengine.Env{Lock: l})
		if err != nil {
			t.Fatal(err)
		}
		cfg := memory()
		if _, err := (Driver{}).converge(t.Context(), cfg, target{c.Name, c.Namespace, ch, v, hash, nothingAbsent, pins{l}}, testEnv(t)); err != nil {
			t.Fatal(err)
		}
		last, err := cfg.Releases.Last(c.Name)
		if err != nil {
			t.Fatal(err)
		}
		return last.Manifest, hash
	}
	plain, before := manifest(lock.Lock{})
	pinned, after := manifest(lock.Lock{Images: []lock.Image{{Ref: "quay.io/shop/web:v1", Digest: digest}}})
	if strings.Contains(plain, "@sha256") || !strings.Contains(pinned, "image: quay.io/shop/web:v1@"+digest) {
		t.Errorf("without a lock:\n%s\nwith one:\n%s", plain, pinned)
	}
	if before == after {
		t.Error("the hash of the release does not know the digest")
	}
}

func nothingAbsent(context.Context, *release.Release, hyengine.Env) ([]apply.Ref, error) {
	return nil, nil
}

func goal(t *testing.T, values string) target {
	t.Helper()
	c := component(values)
	ch, v, hash, err := load(t.Context(), c, hyengine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return target{c.Name, c.Namespace, ch, v, hash, nothingAbsent, pins{}}
}

func TestConverge(t *testing.T) {
	cfg, env, ctx := memory(), testEnv(t), context.Background()
	last := func() *release.Release {
		t.Helper()
		r, err := cfg.Releases.Last("web")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var gone []apply.Ref
	steps := []struct {
		name     string
		before   func()
		values   string
		want     hyengine.Outcome
		revision int
	}{
		{"installs", nil, "text: a", hyengine.Created, 1},
		{"leaves it alone", nil, "text: a", hyengine.Unchanged, 1},
		{"upgrades", nil, "text: b", hyengine.Configured, 2},
		{"takes over one left pending", func() {
			r := last()
			r.SetStatus(release.StatusPendingUpgrade, "")
			if err := cfg.Releases.Update(r); err != nil {
				t.Fatal(err)
			}
		}, "text: b", hyengine.Configured, 3},
		{"goes on after a failure", func() {
			r := last()
			r.SetStatus(release.StatusFailed, "")
			if err := cfg.Releases.Update(r); err != nil {
				t.Fatal(err)
			}
		}, "text: b", hyengine.Configured, 4},
		{"brings back what was deleted", func() { gone = []apply.Ref{{Name: "web"}} }, "text: b", hyengine.Configured, 5},
	}
	for _, s := range steps {
		if s.before != nil {
			s.before()
		}
		g := goal(t, s.values)
		g.absent = func(context.Context, *release.Release, hyengine.Env) ([]apply.Ref, error) { return gone, nil }
		got, err := Driver{}.converge(ctx, cfg, g, env)
		if err != nil || got != s.want {
			t.Fatalf("%s: got %s, %v; want %s", s.name, got, err, s.want)
		}
		if r := last(); r.Version != s.revision || r.Info.Status != release.StatusDeployed {
			t.Errorf("%s: revision %d is %s, want %d deployed", s.name, r.Version, r.Info.Status, s.revision)
		}
	}
	if history, err := cfg.Releases.History("web"); err != nil || len(history) > maxHistory {
		t.Errorf("%d revisions are kept, %v", len(history), err)
	}
	for _, want := range []bool{true, false} {
		if removed, err := uninstall(cfg, "web"); err != nil || removed != want {
			t.Errorf("uninstall: %v, %v; want %v", removed, err, want)
		}
	}
}

// Two platforms want the same release: it goes with the second, and neither may
// change it under the other.
func TestConverge_AReleaseGoesWithItsLastHolder(t *testing.T) {
	cfg, one, ctx := memory(), testEnv(t), context.Background()
	two := one
	two.Name = "second"
	for _, step := range []struct {
		env    hyengine.Env
		values string
		want   hyengine.Outcome
	}{
		{one, "text: a", hyengine.Created},
		{two, "text: a", hyengine.Configured},
		{one, "text: a", hyengine.Unchanged},
		{two, "text: a", hyengine.Unchanged},
	} {
		if got, err := (Driver{}).converge(ctx, cfg, goal(t, step.values), step.env); err != nil || got != step.want {
			t.Errorf("%s: got %s, %v; want %s", step.env.Name, got, err, step.want)
		}
	}
	_, err := Driver{}.converge(ctx, cfg, goal(t, "text: b"), one)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "belongs to platform second as well") {
		t.Errorf("got %v", err)
	}
	for _, want := range []hyengine.Outcome{hyengine.Configured, hyengine.Unchanged} { // let go, and asked again
		if got, stays, err := letGo(cfg, "web", one); err != nil || got != want || !stays {
			t.Errorf("first: %s, stays %v, %v", got, stays, err)
		}
	}
	if _, stays, err := letGo(cfg, "web", two); err != nil || stays {
		t.Errorf("the last holder: stays %v, %v", stays, err)
	}
	if removed, err := uninstall(cfg, "web"); err != nil || !removed {
		t.Errorf("uninstall: %v, %v", removed, err)
	}
}

func TestConverge_FirstInstallLeftPending(t *testing.T) {
	cfg, env, ctx := memory(), testEnv(t), context.Background()
	g := goal(t, "")
	if _, err := (Driver{}).converge(ctx, cfg, g, env); err != nil {
		t.Fatal(err)
	}
	r, _ := cfg.Releases.Last("web")
	r.SetStatus(release.StatusPendingInstall, "")
	if err := cfg.Releases.Update(r); err != nil {
		t.Fatal(err)
	}
	if got, err := (Driver{}).converge(ctx, cfg, g, env); err != nil || got != hyengine.Configured {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestLoad_HashCoversChartAndValues(t *testing.T) {
	a, b := goal(t, "text: a"), goal(t, "text: b")
	if a.hash == b.hash || a.hash != goal(t, "text: a").hash || len(a.hash) != 40 {
		t.Errorf("hashes %s and %s", a.hash, b.hash)
	}
	c := component("")
	c.Files.(fstest.MapFS)["chart/templates/map.yaml"].Data = []byte("# other")
	if _, _, hash, err := load(t.Context(), c, hyengine.Env{}); err != nil || hash == goal(t, "").hash {
		t.Errorf("a changed template has the same hash %s, %v", hash, err)
	}
	delete(c.Files.(fstest.MapFS), "chart/Chart.yaml")
	if _, _, _, err := load(t.Context(), c, hyengine.Env{}); err == nil || !strings.Contains(err.Error(), "component web: chart: Chart.yaml file is missing") {
		t.Errorf("got %v", err)
	}
}

func TestReleaseName(t *testing.T) {
	c := component("")
	if name, err := releaseName(c); err != nil || name != "web" {
		t.Errorf("got %q, %v", name, err)
	}
	c.Settings = map[string]any{"release": "other"}
	if name, err := releaseName(c); err != nil || name != "other" {
		t.Errorf("got %q, %v", name, err)
	}
	c.Settings = map[string]any{"relase": "other"}
	if _, err := releaseName(c); err == nil {
		t.Error("a misspelt setting is accepted")
	}
	c.Settings, c.Namespace = nil, ""
	if _, err := releaseName(c); exit.Code(err) != exit.BadInput {
		t.Errorf("no namespace: got %v", err)
	}
}

func TestRemove_WithoutAClusterIsUnchanged(t *testing.T) {
	got, err := Driver{}.Remove(context.Background(), component(""), testEnv(t))
	if err != nil || got != hyengine.Unchanged {
		t.Errorf("got %s, %v", got, err)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update if this is wanted:\n%s", file, got)
	}
}

// A template may lie in the defaults, and what it reads is read.
func TestUnread_KnowsTemplatesInDefaults(t *testing.T) {
	ch := &chart.Chart{Metadata: &chart.Metadata{Name: "x"}, Values: map[string]any{
		"config": "storage: {{ toYaml .Values.storage }}", "storage": map[string]any{"backend": "local"}, "server": map[string]any{"port": 1},
	}}
	unread, err := Unread(ch, []byte("storage: {s3: {bucket: a}}\nserver: {host: a}"))
	if err != nil || len(unread) != 1 || unread[0].Path != "server.host" {
		t.Errorf("got %+v, %v; want server.host alone", unread, err)
	}
}
