package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

func TestHosts_MirrorFirstThenUpstream(t *testing.T) {
	s := Settings{Registry: "http://hy-registry:5000", Mirrors: []string{"docker.io", "quay.io"}}
	if got := slices.Collect(maps.Keys(hosts(s, nil))); len(got) != 1 || got[0] != "localhost:5001/hosts.toml" {
		t.Errorf("without a mirror: %v", got)
	}
	files := hosts(s, map[string]string{"registry-mirror": "http://hy-registry:5000", "cache-quay-io": "http://hy-home-cache-quay-io:5000"})
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all.WriteString("# " + name + "\n" + files[name] + "\n")
	}
	golden.Compare(t, "hosts.toml", all.String())
}

// containers keeps what is copied into them.
type containers struct {
	mu    sync.Mutex
	files map[string]map[string]string // container -> path -> text
	wrote int
}

func (c *containers) CopyToContainer(_ context.Context, id, dir string, content io.Reader, _ container.CopyToContainerOptions) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote++
	if c.files[id] == nil {
		c.files[id] = map[string]string{}
	}
	r := tar.NewReader(content)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			text, _ := io.ReadAll(r)
			c.files[id][filepath.Join(dir, h.Name)] = string(text)
		}
	}
}

func (c *containers) CopyFromContainer(_ context.Context, id, dir string) (io.ReadCloser, container.PathStat, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files[id] == nil {
		return nil, container.PathStat{}, errdefs.ErrNotFound
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range c.files[id] {
		rel, _ := filepath.Rel(filepath.Dir(dir), name)
		_ = w.WriteHeader(&tar.Header{Name: rel, Size: int64(len(text)), Mode: 0o644})
		_, _ = io.WriteString(w, text)
	}
	_ = w.Close()
	return io.NopCloser(&b), container.PathStat{}, nil
}

func TestConfigureRegistries_WritesOnceAndRepairs(t *testing.T) {
	api := &containers{files: map[string]map[string]string{}}
	nodes := []string{"lab-control-plane", "lab-worker"}
	files := hosts(Settings{Registry: "http://hy-registry:5000", Mirrors: []string{"quay.io"}}, map[string]string{"registry-mirror": "http://hy-registry:5000"})
	ctx := context.Background()
	for _, step := range []struct {
		name    string
		changed bool
		wrote   int
	}{{"first", true, 2}, {"second", false, 2}} {
		changed, err := configureRegistries(ctx, api, nodes, files)
		if err != nil || changed != step.changed || api.wrote != step.wrote {
			t.Errorf("%s: changed %v, wrote %d, %v", step.name, changed, api.wrote, err)
		}
	}
	if got := api.files["lab-worker"]["/etc/containerd/certs.d/quay.io/hosts.toml"]; got != files["quay.io/hosts.toml"] {
		t.Errorf("the worker has %q", got)
	}
	delete(api.files["lab-worker"], "/etc/containerd/certs.d/quay.io/hosts.toml")
	if changed, err := configureRegistries(ctx, api, nodes, files); err != nil || !changed || api.wrote != 3 {
		t.Errorf("repair: changed %v, wrote %d, %v", changed, api.wrote, err)
	}
}
