package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// These tests run the real caches on the real engine, before an upstream of
// their own on this machine; they never pull.

const gateway = "172.30.77.1"

func setup(t *testing.T) (*Driver, *client.Client, catalog.Component, engine.Env) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starting containers takes seconds")
	}
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	c, ok := cat.Component("pull-cache")
	if !ok {
		t.Fatal("the catalog has no pull-cache")
	}
	e := &docker.Engine{Getenv: os.Getenv}
	cli, err := e.Client(t.Context())
	if err != nil {
		testkit.Missing(t, "no engine: %v", err)
	}
	if _, err := cli.ImageInspect(t.Context(), c.Images[0]); err != nil {
		testkit.Missing(t, "image %s is not in the engine", c.Images[0])
	}
	env := engine.Env{
		Name: fmt.Sprintf("hyt-%d", os.Getpid()), Values: map[string]string{}, Secrets: map[string]string{},
		Warn:     func(s string) { t.Log(s) },
		Progress: func(s string) { t.Log(time.Now().Format("05.000 ") + s) }, Log: slog.New(slog.DiscardHandler),
	}
	network, err := cli.NetworkCreate(t.Context(), env.Name, network.CreateOptions{
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: "172.30.77.0/24", Gateway: gateway}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Settings = map[string]any{"network": env.Name, "upstreams": map[string]any{"docker.io": "http://" + gateway + ":1"}}
	d := New(e)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if _, err := d.Remove(ctx, c, env); err != nil {
			t.Error(err)
		}
		if err := cli.NetworkRemove(ctx, network.ID); err != nil {
			t.Error(err)
		}
	})
	return d, cli, c, env
}

func apply(t *testing.T, d *Driver, c catalog.Component, env engine.Env, want engine.Outcome) {
	t.Helper()
	start := time.Now()
	got, err := d.Apply(t.Context(), c, env)
	if err != nil || got != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
	t.Logf("%s in %s", got, time.Since(start).Round(time.Millisecond))
}

// node pulls an image through a cache as containerd does: manifest by tag, then
// every blob in full.
func node(t *testing.T, cli *client.Client, env engine.Env, repository string) {
	t.Helper()
	at, err := address(t.Context(), cli, pull.CacheName(env.Name, "docker.io"), servePort)
	if err != nil {
		t.Error(err)
		return
	}
	r, err := name.ParseReference(at+"/"+repository, name.Insecure)
	if err != nil {
		t.Error(err)
		return
	}
	image, err := remote.Image(r)
	if err != nil {
		t.Error(err)
		return
	}
	layers, err := image.Layers()
	if err != nil {
		t.Error(err)
		return
	}
	for _, l := range layers {
		rc, err := l.Compressed()
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := io.Copy(io.Discard, rc); err != nil {
			t.Error(err)
		}
		_ = rc.Close()
	}
}

func TestEngine_EachBlobCrossesTheWireOnce(t *testing.T) {
	d, cli, c, env := setup(t)
	u := newUpstream(t)
	const password = "s3cret-that-is-nowhere"
	u.password = password
	c.Settings["upstreams"] = map[string]any{"docker.io": u.url}
	env.Values[pull.UsernameValue], env.Secrets[pull.PasswordSecret] = "me", password
	image := u.push(t, "library/app:1")
	apply(t, d, c, env, engine.Created)
	apply(t, d, c, env, engine.Unchanged)

	start := time.Now()
	if err := d.Prefetch(t.Context(), c, "app:1", env); err != nil {
		t.Fatal(err)
	}
	t.Logf("prefetched in %s", time.Since(start).Round(time.Millisecond))
	if most, blobs := u.most(); most != 1 || blobs != 5 {
		t.Errorf("prefetch: %d blobs were fetched, at most %d times, want 5 once", blobs, most)
	}
	var nodes sync.WaitGroup
	for range 3 {
		nodes.Go(func() { node(t, cli, env, "library/app:1") })
	}
	nodes.Wait()
	if err := d.Prefetch(t.Context(), c, "app:1", env); err != nil {
		t.Error(err)
	}
	if most, blobs := u.most(); most != 1 || blobs != 5 {
		t.Errorf("three nodes: %d blobs were fetched, at most %d times, want 5 once", blobs, most)
	}
	table, err := d.Account(t.Context(), c, env)
	if err != nil || len(table.Rows) != 1 || table.Rows[0][0] != "docker.io" || table.Rows[0][3] != "6" || table.Rows[0][4] != "4Mi" {
		t.Errorf("figures %+v, %v, want 6 misses and 4Mi from upstream", table, err)
	}
	// What docker inspect shows has no password in it.
	have, err := cli.ContainerInspect(t.Context(), pull.CacheName(env.Name, "docker.io"))
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(have); strings.Contains(string(text), password) || !strings.Contains(string(text), configFile) {
		t.Errorf("the password is in what docker inspect shows, or the file is not: %s", text)
	}

	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	env.Lock = lock.Lock{Images: []lock.Image{{Ref: "docker.io/library/app:1", Digest: digest.String()}}}
	if err := d.Prefetch(t.Context(), c, "app:1", env); err != nil {
		t.Errorf("the locked digest: %v", err)
	}
	none := "sha256:" + strings.Repeat("0", 64)
	env.Lock.Images[0].Digest = none
	if err := d.Prefetch(t.Context(), c, "app:1", env); !errors.Is(err, engine.ErrMismatch) || !strings.Contains(err.Error(), none) || !strings.Contains(err.Error(), digest.String()) {
		t.Errorf("another digest: %v", err)
	}
	if err := d.Prefetch(t.Context(), c, "quay.io/a/b:1", env); err != nil {
		t.Errorf("an image of a host without a cache: %v", err)
	}

	// The cache outlives its container when it is asked to.
	env.Values[pull.KeepValue] = "true"
	if got, err := d.Remove(t.Context(), c, env); err != nil || got != engine.Removed {
		t.Errorf("got %s, %v", got, err)
	}
	delete(env.Values, pull.KeepValue)
	apply(t, d, c, env, engine.Created)
	node(t, cli, env, "library/app:1")
	if most, _ := u.most(); most != 1 {
		t.Errorf("a kept cache fetched a blob again (%d times)", most)
	}

	// Other credentials are another configuration.
	env.Secrets[pull.PasswordSecret] = "other"
	apply(t, d, c, env, engine.Configured)
	if got, err := d.Remove(t.Context(), c, env); err != nil || got != engine.Removed {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := d.Status(t.Context(), c, env); err != nil || got != "absent" {
		t.Errorf("status %q, %v", got, err)
	}
	if got, err := d.Remove(t.Context(), c, env); err != nil || got != engine.Unchanged {
		t.Errorf("a second time: got %s, %v", got, err)
	}
}

// A registry that this machine does not reach must not keep a platform from
// coming up: its nodes will say what they miss, if they miss anything.
func TestEngine_AnUpstreamThatIsNotThereIsLeftOut(t *testing.T) {
	d, _, c, env := setup(t)
	var told []string
	env.Progress = func(s string) { told = append(told, s) }
	apply(t, d, c, env, engine.Created)
	if text := strings.Join(told, "\n"); !strings.Contains(text, "is left out: http://"+gateway+":1 does not answer it") {
		t.Errorf("told %q", text)
	}
	table, err := d.Account(t.Context(), c, env)
	if err != nil || len(table.Rows) != 1 || !strings.Contains(table.Rows[0][1], "left out") {
		t.Errorf("figures %+v, %v", table, err)
	}
	if err := d.Prefetch(t.Context(), c, "app:1", env); err == nil || errors.Is(err, engine.ErrMismatch) {
		t.Errorf("prefetch: %v, want a plain error", err)
	}
}
