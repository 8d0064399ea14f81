package helm

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	kubefake "helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"

	"github.com/buenhyden/hy-home/internal/catalog"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/lock"
)

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
