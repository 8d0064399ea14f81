package helm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
)

const (
	chartDir   = "chart"
	valuesFile = "values.yaml"
)

// load reads the component's chart and values, and hashes both with the digests
// that its images are pulled by.
func load(ctx context.Context, c catalog.Component, env engine.Env) (*chart.Chart, map[string]any, string, error) {
	fail := func(err error) (*chart.Chart, map[string]any, string, error) {
		return nil, nil, "", fmt.Errorf("component %s: chart: %w", c.Name, err)
	}
	files, err := chartFiles(ctx, c, env)
	if err != nil {
		return fail(err)
	}
	hash := sha256.New()
	for _, f := range files {
		fmt.Fprintf(hash, "%s %d\n%s", f.Name, len(f.Data), f.Data)
	}
	ch, err := loader.LoadFiles(files)
	if err != nil {
		return fail(err)
	}
	text, err := fs.ReadFile(c.Files, valuesFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	fmt.Fprintf(hash, "%s %d\n%s", valuesFile, len(text), text)
	for _, image := range c.Images {
		fmt.Fprintf(hash, "%s\n", env.Lock.Pin(image))
	}
	values, err := chartutil.ReadValues(text)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", valuesFile, err))
	}
	// A label value holds 63 characters at most; 40 hexadecimal ones are 160 bits.
	return ch, values, hex.EncodeToString(hash.Sum(nil))[:40], nil
}

// chartFiles are the files of the chart, in an order that is the same from run to
// run: out of its archive, or of the component's own directory.
func chartFiles(ctx context.Context, c catalog.Component, env engine.Env) ([]*loader.BufferedFile, error) {
	remote, ok, err := lock.RemoteChart(c)
	if err != nil {
		return nil, err
	}
	if ok {
		data, _, err := archive(ctx, remote, env)
		if err != nil {
			return nil, err
		}
		return loader.LoadArchiveFiles(bytes.NewReader(data))
	}
	var files []*loader.BufferedFile
	err = fs.WalkDir(c.Files, chartDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(c.Files, path)
		if err != nil {
			return err
		}
		files = append(files, &loader.BufferedFile{Name: strings.TrimPrefix(path, chartDir+"/"), Data: data})
		return nil
	})
	return files, err
}
