package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// chartDir is where a component keeps its chart.
const chartDir = "chart"

// ChartOf describes the chart in a component's directory; ok is false when it
// has none.
func ChartOf(c catalog.Component) (chart Chart, ok bool, err error) {
	if c.Files == nil {
		return Chart{}, false, nil
	}
	text, err := fs.ReadFile(c.Files, chartDir+"/Chart.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		return Chart{}, false, nil
	}
	var meta struct {
		Name    string `yaml:"name"`
		Version string `yaml:"version"`
	}
	if err == nil {
		err = yaml.Unmarshal(text, &meta)
	}
	if err != nil {
		return Chart{}, false, fmt.Errorf("component %s: Chart.yaml: %w", c.Name, err)
	}
	digest, err := ChartDigest(c.Files)
	if err != nil {
		return Chart{}, false, fmt.Errorf("component %s: chart: %w", c.Name, err)
	}
	return Chart{Component: c.Name, Name: meta.Name, Version: meta.Version, Digest: digest}, true, nil
}

// ChartDigest is the SHA-256 over names, sizes and contents of all files of the
// chart, in lexical order: the same on every machine, whatever a packer would
// put into an archive's headers.
func ChartDigest(files fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(files, chartDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n%s", strings.TrimPrefix(path, chartDir+"/"), len(data), data)
		return nil
	})
	if err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}
