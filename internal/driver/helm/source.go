package helm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/registry"
	"helm.sh/helm/v3/pkg/repo"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
)

// ociScheme begins the address of a repository that is a registry.
const ociScheme = registry.OCIScheme + "://"

// chartsDir of the state directory keeps the charts that were fetched, so that a
// second run asks nobody.
const chartsDir = "charts"

// fetchTimeout of one request: an index of ten years of releases has 10 MiB.
const fetchTimeout = time.Minute

// Fetch makes sure that the component's chart is on this machine, so that it is
// there when the cluster is. A chart of the component's own directory always is.
func (d Driver) Fetch(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	remote, ok, err := lock.RemoteChart(c)
	if err != nil || !ok {
		return engine.Unchanged, err
	}
	data, fetched, err := archive(ctx, remote, env)
	if err != nil {
		return "", err
	}
	if err := warnOfUnread(c, data, env); err != nil {
		return "", err
	}
	if fetched {
		return engine.Created, nil
	}
	return engine.Unchanged, nil
}

// warnOfUnread says which of the user's values the chart does not read.
func warnOfUnread(c catalog.Component, data []byte, env engine.Env) error {
	text, err := fs.ReadFile(c.Files, catalog.UserValues)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ch, err := loader.LoadArchive(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("component %s: chart: %w", c.Name, err)
	}
	unread, err := Unread(ch, text)
	for _, u := range unread {
		env.Warn(fmt.Sprintf("values-dir: %s.yaml:%d: chart %s reads no value %s%s", c.Name, u.Line, ch.Name(), u.Path, u.Meant()))
	}
	return err
}

// archive finds the packaged chart: in the directory of the user's, among those
// that an earlier run fetched, or in its repository. What the lock knows another
// digest of is refused wherever it is from.
func archive(ctx context.Context, want lock.Chart, env engine.Env) (data []byte, fetched bool, err error) {
	name := want.Name + "-" + want.Version + ".tgz"
	want.Digest = env.Lock.DigestOf(want)
	kept := filepath.Join(env.StateDir, chartsDir, name)
	if env.ChartDir != "" {
		path := filepath.Join(env.ChartDir, name)
		data, err = os.ReadFile(path)
		switch {
		case err == nil:
			return data, false, verify(want, path, data)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, false, fmt.Errorf("read chart %s: %w", path, err)
		}
	}
	if data, err = os.ReadFile(kept); err == nil && verify(want, kept, data) == nil {
		return data, false, nil // one that is not as locked is fetched again
	}
	env.Progress("fetching chart " + want.Name + " " + want.Version)
	data, err = fetch(ctx, want)
	if err != nil {
		return nil, false, err
	}
	if err := verify(want, want.Repository, data); err != nil {
		return nil, false, err
	}
	return data, true, keep(kept, data)
}

// verify compares a chart with the lock, which may know no digest of it yet.
func verify(want lock.Chart, from string, data []byte) error {
	if have := archiveDigest(data); want.Digest != "" && have != want.Digest {
		return fmt.Errorf("%w: chart %s %s of %s has digest %s, the lock says %s", engine.ErrMismatch, want.Name, want.Version, from, have, want.Digest)
	}
	return nil
}

// archiveDigest of a packaged chart is what repositories' indexes and OCI
// manifests call its digest as well.
func archiveDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// keep stores a chart whole or not at all.
func keep(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep the chart: %w", err)
	}
	if err := disk.WriteFile(path, data); err != nil {
		return fmt.Errorf("keep the chart: %w", err)
	}
	return nil
}

// Digest is that of a chart as its repository serves it now.
func Digest(ctx context.Context, want lock.Chart) (string, error) {
	data, err := fetch(ctx, want)
	if err != nil {
		return "", err
	}
	return archiveDigest(data), nil
}

// fetch asks the repository. Helm's own way there knows no context, so it is left
// behind when ctx ends; each of its requests has a time limit.
func fetch(ctx context.Context, want lock.Chart) ([]byte, error) {
	type answer struct {
		data []byte
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		if strings.HasPrefix(want.Repository, ociScheme) {
			a.data, a.err = fetchOCI(want)
		} else {
			a.data, a.err = fetchIndexed(want)
		}
		done <- a
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case a := <-done:
		if a.err == nil {
			return a.data, nil
		}
		err := fmt.Errorf("fetch chart %s %s from %s: %w", want.Name, want.Version, want.Repository, a.err)
		var op *net.OpError
		if errors.As(a.err, &op) || apply.IsTransient(a.err) || unavailable(a.err.Error()) {
			return nil, engine.Transient(err)
		}
		return nil, err
	}
}

// unavailable reads a status that passes out of Helm's words for it.
func unavailable(text string) bool {
	for _, status := range []string{"429 ", "500 ", "502 ", "503 ", "504 ", "status code 429", "status code 5"} {
		if strings.Contains(text, status) {
			return true
		}
	}
	return false
}

func fetchOCI(want lock.Chart) ([]byte, error) {
	options := []registry.ClientOption{registry.ClientOptWriter(io.Discard)}
	if host := strings.TrimPrefix(want.Repository, ociScheme); loopback(host) {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	client, err := registry.NewClient(options...)
	if err != nil {
		return nil, err
	}
	// A tag cannot hold the "+" of a version with build metadata.
	ref := strings.TrimPrefix(want.Repository, ociScheme) + "/" + want.Name + ":" + strings.ReplaceAll(want.Version, "+", "_")
	pulled, err := client.Pull(ref, registry.PullOptWithChart(true))
	if err != nil {
		return nil, err
	}
	return pulled.Chart.Data, nil
}

// loopback: a registry of this machine speaks plain HTTP, as everywhere in Docker's world.
func loopback(address string) bool {
	host, _, _ := strings.Cut(address, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func fetchIndexed(want lock.Chart) ([]byte, error) {
	// A directory of its own for each fetch: two that share Helm's cache read each
	// other's half written index.
	dir, err := os.MkdirTemp("", "hyaction-chart-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	getters := getter.Getters(getter.WithTimeout(fetchTimeout))
	r, err := repo.NewChartRepository(&repo.Entry{Name: "repository", URL: want.Repository}, getters)
	if err != nil {
		return nil, err
	}
	r.CachePath = dir
	file, err := r.DownloadIndexFile()
	if err != nil {
		return nil, err
	}
	index, err := repo.LoadIndexFile(file)
	if err != nil {
		return nil, err
	}
	found, err := index.Get(want.Name, want.Version)
	if err != nil {
		return nil, err
	}
	if found.Version != want.Version || len(found.URLs) == 0 { // a range would be met by another one
		return nil, fmt.Errorf("the index has no version %s of it", want.Version)
	}
	url, err := repo.ResolveReferenceURL(want.Repository, found.URLs[0])
	if err != nil {
		return nil, err
	}
	body, err := r.Client.Get(url, getter.WithTimeout(fetchTimeout))
	if err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}
