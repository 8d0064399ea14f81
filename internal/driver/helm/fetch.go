package helm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/registry"
	"helm.sh/helm/v3/pkg/repo"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/dns"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
)

// ociScheme begins the address of a repository that is a registry.
const ociScheme = registry.OCIScheme + "://"

// fetchTimeout of one request: an index of ten years of releases has 10 MiB.
const fetchTimeout = time.Minute

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
		unknown := dns.Unknown(a.err.Error())
		if unknown != nil {
			a.err = unknown
		}
		err := fmt.Errorf("fetch chart %s %s from %s: %w", want.Name, want.Version, want.Repository, a.err)
		var op *net.OpError
		if unknown != nil || errors.As(a.err, &op) || apply.IsTransient(a.err) || unavailable(a.err.Error()) {
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
