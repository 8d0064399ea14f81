package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
)

// Figures are a cache's own counters of blobs and manifests together.
type Figures struct {
	Requests, Hits, Misses uint64
	BytesPulled            uint64 // from upstream
	BytesPushed            uint64 // to whoever asked
}

// minus gives what was counted since an earlier look. A cache that was started
// in between counts from zero.
func (f Figures) minus(o Figures) Figures {
	if f.Requests < o.Requests || f.BytesPulled < o.BytesPulled {
		return f
	}
	return Figures{f.Requests - o.Requests, f.Hits - o.Hits, f.Misses - o.Misses, f.BytesPulled - o.BytesPulled, f.BytesPushed - o.BytesPushed}
}

// parse reads what the registry tells under /debug/vars.
func parse(text []byte) (Figures, error) {
	var vars struct {
		Registry struct {
			Proxy *struct {
				Blobs     Figures `json:"blobs"`
				Manifests Figures `json:"manifests"`
			} `json:"proxy"`
		} `json:"registry"`
	}
	if err := json.Unmarshal(text, &vars); err != nil {
		return Figures{}, fmt.Errorf("counters of the cache: %w", err)
	}
	p := vars.Registry.Proxy
	if p == nil {
		return Figures{}, fmt.Errorf("counters of the cache: there is no registry.proxy")
	}
	return Figures{
		p.Blobs.Requests + p.Manifests.Requests, p.Blobs.Hits + p.Manifests.Hits, p.Blobs.Misses + p.Manifests.Misses,
		p.Blobs.BytesPulled + p.Manifests.BytesPulled, p.Blobs.BytesPushed + p.Manifests.BytesPushed,
	}, nil
}

// readLimit bounds one look at the counters, on this machine.
const readLimit = 2 * time.Second

// read asks a cache for its counters: that it tells them is also how it is known
// to be up, as its two ports open together.
func read(ctx context.Context, cli *client.Client, name string) (Figures, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if _, err := get(ctx, cli, name, true); err != nil {
		return Figures{}, err
	}
	text, err := get(ctx, cli, name, false)
	if err != nil {
		return Figures{}, err
	}
	return parse(text)
}

// asking is what the caches are asked with: they are on this machine, and answer
// at once or not at all.
var asking = http.Client{Timeout: 10 * time.Second}

// get asks for /v2/ (serve) or /debug/vars.
func get(ctx context.Context, cli *client.Client, name string, serve bool) ([]byte, error) {
	port, path := debugPort, "/debug/vars"
	if serve {
		port, path = servePort, "/v2/"
	}
	at, err := address(ctx, cli, name, port)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := asking.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", req.URL, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, 1<<20))
}

// Account tells what each cache did in this run.
func (d *Driver) Account(ctx context.Context, c catalog.Component, env engine.Env) (engine.Table, error) {
	s, cli, err := d.open(ctx, c)
	if err != nil {
		return engine.Table{}, err
	}
	t := engine.Table{
		Title:  "Pulls of the nodes through the caches",
		Header: []string{"registry", "asked", "hits", "misses", "from upstream", "answered"},
	}
	for _, host := range s.hosts() {
		name := pull.CacheName(env.Name, host)
		f, err := read(ctx, cli, name)
		if err != nil {
			t.Rows = append(t.Rows, []string{host, "left out: its upstream does not answer"})
			continue
		}
		d.mu.Lock()
		f = f.minus(d.begin[name])
		d.mu.Unlock()
		count := func(n uint64) string { return strconv.FormatUint(n, 10) }
		t.Rows = append(t.Rows, []string{
			host, count(f.Requests), count(f.Hits), count(f.Misses),
			catalog.Bytes(f.BytesPulled).String(), catalog.Bytes(f.BytesPushed).String(),
		})
	}
	return t, nil
}
