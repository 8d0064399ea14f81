package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/buenhyden/hy-home/internal/report"
)

// writeReport keeps a report as a page and as data in the directory of input
// report-dir, if there is one.
func writeReport(dir string, shown report.Report, asJSON func() ([]byte, error)) error {
	if dir == "" {
		return nil
	}
	data, err := asJSON()
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for name, text := range map[string][]byte{"report.html": report.HTML(shown), "report.json": data} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}
