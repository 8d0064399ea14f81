package helm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/net/dns/dnsmessage"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	helmregistry "helm.sh/helm/v3/pkg/registry"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/dns"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// packaged is a chart "web" with one template, as a repository serves it.
func packaged(t *testing.T, version string) []byte {
	t.Helper()
	path, err := chartutil.Save(&chart.Chart{
		Metadata:  &chart.Metadata{APIVersion: "v2", Name: "web", Version: version},
		Raw:       []*chart.File{{Name: "values.yaml", Data: []byte("replicas: 2\n")}},
		Values:    map[string]any{"replicas": 2},
		Templates: []*chart.File{{Name: "templates/a.yaml", Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {host: {{ .Values.server.host | default 1 | quote }} }}\n")}},
	}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// repository serves the chart behind an index, and counts who asks for it.
type repository struct {
	data   []byte
	status int // in place of the chart, if not 0
	asked  atomic.Int32
}

func (r *repository) serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/charts/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "apiVersion: v1\nentries:\n  web:\n  - {apiVersion: v2, name: web, version: 1.2.3, urls: [files/web-1.2.3.tgz]}\n")
	})
	mux.HandleFunc("/charts/files/web-1.2.3.tgz", func(w http.ResponseWriter, _ *http.Request) {
		r.asked.Add(1)
		if r.status != 0 {
			w.WriteHeader(r.status)
			return
		}
		_, _ = w.Write(r.data)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/charts"
}

func remote(url, version string) catalog.Component {
	return catalog.Component{Name: "web", Driver: "helm", Namespace: "web", Files: fstest.MapFS{}, Settings: map[string]any{"repository": url, "chart": "web", "version": version}}
}

func quiet(t *testing.T) engine.Env {
	return engine.Env{StateDir: t.TempDir(), Progress: func(string) {}, Log: slog.New(slog.DiscardHandler)}
}

func TestFetch_AsksTheRepositoryOnce(t *testing.T) {
	r := &repository{data: packaged(t, "1.2.3")}
	c, env := remote(r.serve(t), "1.2.3"), quiet(t)
	for i, want := range []engine.Outcome{engine.Created, engine.Unchanged} {
		if got, err := (Driver{}).Fetch(t.Context(), c, env); err != nil || got != want {
			t.Fatalf("fetch %d: %s, %v", i+1, got, err)
		}
	}
	ch, _, hash, err := load(t.Context(), c, env)
	if err != nil || ch.Metadata.Name != "web" || len(ch.Templates) != 1 {
		t.Fatal(ch, err)
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("the repository was asked %d times", n)
	}
	// Somebody's own chart directory goes before, and other content is another release.
	env.ChartDir = t.TempDir()
	other := packaged(t, "1.2.3")
	if err := os.WriteFile(filepath.Join(env.ChartDir, "web-1.2.3.tgz"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, again, err := load(t.Context(), c, env); err != nil || again != hash {
		t.Errorf("the same files packed anew make another release: %v", err)
	}
}

func TestFetch_SaysWhichOfTheUsersValuesNobodyReads(t *testing.T) {
	r := &repository{data: packaged(t, "1.2.3")}
	c, env := remote(r.serve(t), "1.2.3"), quiet(t)
	c.Files = fstest.MapFS{
		valuesFile:         {Data: []byte("replicas: 1\nserver: {port: 80}\n")},
		catalog.UserValues: {Data: []byte("replica: 3\nserver: {host: x}\n")},
	}
	var told []string
	env.Warn = func(text string) { told = append(told, text) }
	if _, err := (Driver{}).Fetch(t.Context(), c, env); err != nil {
		t.Fatal(err)
	}
	if want := "values-dir: web.yaml:1: chart web reads no value replica (is replicas meant?)"; len(told) != 1 || told[0] != want {
		t.Errorf("got %q, want %q", told, want)
	}
	_, merged, _, err := load(t.Context(), c, env)
	if err != nil || fmt.Sprint(merged) != "map[replica:3 replicas:1 server:map[host:x port:80]]" {
		t.Errorf("merged: %v, %v", merged, err)
	}
}

func TestFetch_RefusesWhatIsNotTheLockedOne(t *testing.T) {
	r := &repository{data: packaged(t, "1.2.3")}
	c, env := remote(r.serve(t), "1.2.3"), quiet(t)
	want, _, err := lock.RemoteChart(c)
	if err != nil {
		t.Fatal(err)
	}
	want.Digest = "sha256:" + strings.Repeat("a", 64)
	env.Lock = lock.Lock{Charts: []lock.Chart{want}}
	for _, dir := range []string{"", t.TempDir()} {
		if env.ChartDir = dir; dir != "" {
			if err := os.WriteFile(filepath.Join(dir, "web-1.2.3.tgz"), r.data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Driver{}.Fetch(t.Context(), c, env)
		if !errors.Is(err, engine.ErrMismatch) || !strings.Contains(err.Error(), want.Digest) || engine.IsTransient(err) {
			t.Errorf("got %v", err)
		}
	}
	env.ChartDir = ""
	if _, err := os.Stat(filepath.Join(env.StateDir, chartsDir, "web-1.2.3.tgz")); err == nil {
		t.Error("the wrong chart is kept")
	}
	// The right digest, and what was left of an earlier version of the lock.
	env.Lock.Charts[0].Digest = archiveDigest(r.data)
	if err := keep(filepath.Join(env.StateDir, chartsDir, "web-1.2.3.tgz"), []byte("old")); err != nil {
		t.Fatal(err)
	}
	if got, err := (Driver{}).Fetch(t.Context(), c, env); err != nil || got != engine.Created {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestFetch_TellsWhatPassesFromWhatDoesNot(t *testing.T) {
	r := &repository{data: packaged(t, "1.2.3")}
	url := r.serve(t)
	if _, err := (Driver{}).Fetch(t.Context(), remote(url, "9.9.9"), quiet(t)); err == nil || engine.IsTransient(err) || !strings.Contains(err.Error(), "9.9.9") {
		t.Errorf("a version that is not there: %v", err)
	}
	r.status = http.StatusServiceUnavailable
	if _, err := (Driver{}).Fetch(t.Context(), remote(url, "1.2.3"), quiet(t)); !engine.IsTransient(err) {
		t.Errorf("503: %v", err)
	}
	r.status = http.StatusNotFound
	if _, err := (Driver{}).Fetch(t.Context(), remote(url, "1.2.3"), quiet(t)); err == nil || engine.IsTransient(err) {
		t.Errorf("404: %v", err)
	}
	if _, err := (Driver{}).Fetch(t.Context(), remote("http://127.0.0.1:1", "1.2.3"), quiet(t)); !engine.IsTransient(err) || !strings.Contains(err.Error(), "http://127.0.0.1:1") {
		t.Errorf("nobody there: %v", err)
	}
	for code, want := range map[dnsmessage.RCode]string{
		dnsmessage.RCodeNameError:     ": DNS knows no host charts.acme.example: is the name right?",
		dnsmessage.RCodeServerFailure: "server misbehaving",
	} {
		testkit.DNS(t, code)
		_, err := (Driver{}).Fetch(t.Context(), remote("https://charts.acme.example", "1.2.3"), quiet(t))
		unknown := (*dns.UnknownError)(nil)
		if !engine.IsTransient(err) || !strings.Contains(err.Error(), want) || errors.As(err, &unknown) != (code == dnsmessage.RCodeNameError) {
			t.Errorf("%s: %v", code, err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Driver{}).Fetch(cancelled, remote(url, "1.2.3"), quiet(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFetch_TakesChartsFromARegistry(t *testing.T) {
	data := packaged(t, "1.2.3")
	host := ociRegistry(t, "charts/web", "1.2.3", data)
	got, err := fetch(t.Context(), lock.Chart{Name: "web", Version: "1.2.3", Repository: ociScheme + host + "/charts"})
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := fetch(t.Context(), lock.Chart{Name: "web", Version: "2.0.0", Repository: ociScheme + host + "/charts"}); err == nil || engine.IsTransient(err) {
		t.Errorf("a version that is not there: %v", err)
	}
}

// ociRegistry is a registry of this machine that holds a chart.
func ociRegistry(t *testing.T, repository, version string, data []byte) string {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "http://")
	client, err := helmregistry.NewClient(helmregistry.ClientOptPlainHTTP(), helmregistry.ClientOptWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Push(data, host+"/"+repository+":"+version); err != nil {
		t.Fatal(err)
	}
	return host
}
