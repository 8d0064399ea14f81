package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// chartDir is where a component keeps its chart.
const chartDir = "chart"

// ChartOf describes the chart of a component: in its repository, or in the
// component's own directory. ok is false when it has none.
func ChartOf(c catalog.Component) (chart Chart, ok bool, err error) {
	if chart, ok, err = RemoteChart(c); ok || err != nil || c.Files == nil {
		return chart, ok, err
	}
	return localChart(c)
}

// RemoteChart is the chart that a component's settings name by repository, chart
// and version; ok is false when they name none. Its digest is the lock's affair.
func RemoteChart(c catalog.Component) (chart Chart, ok bool, err error) {
	text := func(key string) string { s, _ := c.Settings[key].(string); return s }
	chart = Chart{Component: c.Name, Repository: text("repository"), Name: text("chart"), Version: text("version")}
	if c.Driver != "helm" || chart.Repository == "" && chart.Name == "" && chart.Version == "" {
		return Chart{}, false, nil
	}
	switch {
	case !repositoryForm.MatchString(chart.Repository):
		return Chart{}, false, fmt.Errorf("component %s: settings.repository is %q, want https://... or oci://..., without credentials", c.Name, chart.Repository)
	case !chartForm.MatchString(chart.Name):
		return Chart{}, false, fmt.Errorf("component %s: settings.chart is %q, want a chart's plain name", c.Name, chart.Name)
	case !versionForm.MatchString(chart.Version):
		return Chart{}, false, fmt.Errorf("component %s: settings.version is %q, want one exact version such as 1.2.3", c.Name, chart.Version)
	}
	return chart, true, nil
}

var (
	// Plain HTTP is for a registry of this machine, in tests.
	repositoryForm = regexp.MustCompile(`^((https|oci)://[a-zA-Z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]+)?(/[a-zA-Z0-9._~/-]*)?$`)
	chartForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	versionForm    = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`)
)

func localChart(c catalog.Component) (chart Chart, ok bool, err error) {
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
