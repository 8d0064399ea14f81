package app

import (
	"context"
	"fmt"
	"os"
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
	cmd.Long = cmd.Short + ".\n\nA Rollout among the files says how long its canary is there to be measured, and which analysis holds its steps up. Templates that a gate file names are opened from there."
	cmd.Flags().DurationVar(&scrape, "scrape-interval", 15*time.Second, "how often Prometheus looks")
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	cmd.RunE = func(_ *cobra.Command, files []string) error {
		p.title = "lint"
		if output != "text" && output != "json" {
			return exit.BadInputf("flag --output is %q: it must be text or json", output)
		}
		if scrape <= 0 {
			return exit.BadInputf("flag --scrape-interval is %s: it must be positive", scrape)
		}
		var documents []gatefile.Document
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return exit.BadInputf("lint: %w", err)
			}
			found := gatefile.Documents(file, text)
			if len(found) == 0 {
				return exit.BadInputf("lint: %s is empty", file)
			}
			documents = append(documents, found...)
		}
		found := append([]gatefile.Finding{}, gatefile.Lint(documents, scrape, os.ReadFile)...) // [] and not null in JSON
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
				if err := p.gha.Text(finding(f)); err != nil {
					return err
				}
			}
		}
		if errors > 0 {
			return fmt.Errorf("%d of %d findings are errors", errors, len(found))
		}
		return nil
	}
	return cmd
}

// finding is one line of lint's answer; one about the file as a whole has no place.
func finding(f gatefile.Finding) string {
	where := f.Where
	if where != "" {
		where += ": "
	}
	return fmt.Sprintf("%s: %s: %s%s (%s)\n", f.File, f.Level, where, f.Text, f.Rule)
}
