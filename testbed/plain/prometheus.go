package plain

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/exit"
)

const (
	promConfigFile = "prometheus.yml"
	targetsDir     = "targets"
)

// promConfig scrapes what the files in targets/ name. Prometheus watches them.
const promConfig = `global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: bed
  file_sd_configs: [{files: [` + targetsDir + `/*.json]}]
`

// Scrape tells Prometheus to scrape addresses (host:port, path /metrics) every
// second under a job's name, instead of what the job scraped before; none ends
// the job. Prometheus 2.42 looks for changed targets every 5 s, in two stages:
// the first sample comes after up to 11 s. What should be there early belongs
// into Options.Scrape.
func (b *Bed) Scrape(job string, addresses ...string) error {
	if job == "" || job != filepath.Base(job) || job[0] == '.' {
		return exit.BadInputf("scrape: job %q: the name must be one that a file can have", job)
	}
	file := filepath.Join(b.Dir, targetsDir, job+".json")
	if len(addresses) == 0 {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("end the scraping of %s: %w", job, err)
		}
		return nil
	}
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	data, err := json.Marshal([]group{{addresses, map[string]string{"job": job}}})
	if err != nil {
		return err
	}
	if err := writeFile(file, data, 0o644); err != nil {
		return fmt.Errorf("scrape %s: %w", job, err)
	}
	return nil
}

// writePrometheus writes the configuration and the first targets.
func writePrometheus(b *Bed, scrape map[string]string) error {
	if err := os.MkdirAll(filepath.Join(b.Dir, targetsDir), 0o755); err != nil {
		return err
	}
	for job, address := range scrape {
		if err := b.Scrape(job, address); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(b.Dir, promConfigFile), []byte(promConfig), 0o644)
}
