package app

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
)

// finding is a finding with the file that it is about.
type finding struct {
	File string `json:"file"`
	gatefile.Finding
}

func (p *program) gateLint() *cobra.Command {
	var output string
	cmd := p.command("lint", "Find what is wrong in gate files and AnalysisTemplates: what passes without data, what cannot be evaluated",
		func(context.Context, *Runtime, []string) error { return nil })
	cmd.Use = "lint FILE…"
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return exit.BadInputf("lint takes one or more files")
		}
		return nil
	}
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	cmd.RunE = func(_ *cobra.Command, files []string) error {
		p.title = "lint"
		found := []finding{}
		errors := 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return exit.BadInputf("lint: %w", err)
			}
			for _, document := range strings.Split("\n"+string(text), "\n---") {
				if strings.TrimSpace(document) == "" {
					continue
				}
				for _, f := range gatefile.Lint([]byte(document)) {
					found = append(found, finding{file, f})
					if f.Level == "error" {
						errors++
					}
				}
			}
		}
		if output == "json" {
			if err := encode(p.stdout, found); err != nil {
				return err
			}
		} else {
			for _, f := range found {
				fmt.Fprintf(p.stdout, "%s: %s: %s: %s (%s)\n", f.File, f.Level, f.Where, f.Text, f.Rule)
			}
		}
		if errors > 0 {
			return fmt.Errorf("%d of %d findings are errors", errors, len(found))
		}
		return nil
	}
	return cmd
}
