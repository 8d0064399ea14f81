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
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/values"
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
	values, err := readValues(c, env, hash)
	if err != nil {
		return fail(err)
	}
	for _, image := range c.Images {
		fmt.Fprintf(hash, "%s\n", env.Lock.Pin(image))
	}
	// A label value holds 63 characters at most; 40 hexadecimal ones are 160 bits.
	return ch, values, hex.EncodeToString(hash.Sum(nil))[:40], nil
}

// readValues gives the component's values with the user's own over them, and adds
// both to the hash.
func readValues(c catalog.Component, env engine.Env, hash io.Writer) (map[string]any, error) {
	merged := map[string]any{}
	for _, file := range []string{valuesFile, catalog.UserValues} {
		text, err := c.Text(file, catalog.Fields{Name: env.Name, Values: env.Values, Chosen: catalog.Chosen(env.Components)})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(hash, "%s %d\n%s", file, len(text), text)
		over, err := values.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		merged = values.Merge(merged, over)
	}
	return merged, nil
}

// Unread lists the values of a text that a chart does not read.
func Unread(ch *chart.Chart, text []byte) ([]values.Unread, error) { return reads(ch).Unread(text) }

// reads is what a loaded chart tells of the values it reads.
func reads(ch *chart.Chart) values.Chart {
	var templates strings.Builder
	for _, t := range ch.Templates {
		templates.Write(t.Data)
	}
	c := values.Chart{Defaults: ch.Values, Templates: templates.String(), Parts: map[string]values.Chart{}}
	loaded := map[string]values.Chart{}
	for _, d := range ch.Dependencies() {
		loaded[d.Name()] = reads(d)
		c.Parts[d.Name()] = loaded[d.Name()]
	}
	for _, d := range ch.Metadata.Dependencies {
		if part, ok := loaded[d.Name]; ok && d.Alias != "" {
			c.Parts[d.Alias] = part
		}
	}
	return c
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
