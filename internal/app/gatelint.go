package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
)

func (p *program) gateLint() *cobra.Command {
	var output string
	var scrape time.Duration
	cmd := p.command("lint", "Find what is wrong in gate files and AnalysisTemplates: what passes without data, what cannot be evaluated",
		func(context.Context, *Runtime, []string) error { return nil })
	cmd.Use = "lint FILE…"
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return exit.BadInputf("lint takes one or more files")
		}
		return nil
	}
	cmd.Long = cmd.Short + ".\n\nA Rollout among the files says how long its canary is there to be measured, and which analysis holds its steps up."
	cmd.Flags().DurationVar(&scrape, "scrape-interval", 15*time.Second, "how often Prometheus looks")
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	cmd.RunE = func(_ *cobra.Command, files []string) error {
		p.title = "lint"
		if scrape <= 0 {
			return exit.BadInputf("flag --scrape-interval is %s: it must be positive", scrape)
		}
		var documents []gatefile.Document
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return exit.BadInputf("lint: %w", err)
			}
			for _, document := range strings.Split("\n"+string(text), "\n---") {
				if strings.TrimSpace(document) != "" {
					documents = append(documents, gatefile.Document{File: file, Text: []byte(document)})
				}
			}
		}
		found := append([]gatefile.Finding{}, gatefile.Lint(documents, scrape)...) // [] and not null in JSON
		errors := 0
		for _, f := range found {
			if f.Level == "error" {
				errors++
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
