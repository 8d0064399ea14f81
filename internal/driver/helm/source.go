package helm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
)

// chartsDir of the state directory keeps the charts that were fetched, so that a
// second run asks nobody.
const chartsDir = "charts"

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
