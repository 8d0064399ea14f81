package helm

import (
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
	"github.com/buenhyden/hy-home/internal/lock"
)

const (
	chartDir   = "chart"
	valuesFile = "values.yaml"
)

// load reads the component's chart and values, and hashes both with the digests
// that its images are pulled by.
func load(c catalog.Component, l lock.Lock) (*chart.Chart, map[string]any, string, error) {
	fail := func(err error) (*chart.Chart, map[string]any, string, error) {
		return nil, nil, "", fmt.Errorf("component %s: chart: %w", c.Name, err)
	}
	var files []*loader.BufferedFile
	hash := sha256.New()
	// WalkDir goes in lexical order, so the hash is the same from run to run.
	err := fs.WalkDir(c.Files, chartDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(c.Files, path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, chartDir+"/")
		files = append(files, &loader.BufferedFile{Name: name, Data: data})
		fmt.Fprintf(hash, "%s %d\n%s", name, len(data), data)
		return nil
	})
	if err != nil {
		return fail(err)
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
		fmt.Fprintf(hash, "%s\n", l.Pin(image))
	}
	values, err := chartutil.ReadValues(text)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", valuesFile, err))
	}
	// A label value holds 63 characters at most; 40 hexadecimal ones are 160 bits.
	return ch, values, hex.EncodeToString(hash.Sum(nil))[:40], nil
}
