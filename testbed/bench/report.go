package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/report"
)

// overhead is what the engine itself takes of a run: 200 nodes that take no time.
func (b *benchmark) overhead(ctx context.Context) error {
	c := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "Run_200Nodes", "-benchtime", "200x", "./internal/engine")
	c.Dir = b.root
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", c, err, out)
	}
	found := regexp.MustCompile(`BenchmarkRun_200Nodes\S*\s+\d+\s+(\d+) ns/op`).FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("%s tells no time:\n%s", c, out)
	}
	ns, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	b.facts = append(b.facts, report.Fact{Name: "engine: 200 nodes of no time", Value: strconv.FormatFloat(float64(ns)/1e6, 'f', 1, 64) + " ms"})
	return nil
}

func (b *benchmark) report() error {
	r := report.Report{Title: "hy-home benchmark: one step after the other, and one graph", Status: report.Passed, Facts: b.facts, Steps: b.steps}
	var said []string
	for _, f := range b.facts {
		fmt.Println(f.Name, f.Value)
		if !strings.Contains(f.Name, ":") {
			said = append(said, f.Name+" "+f.Value)
		}
	}
	r.Verdict = strings.Join(said, ", ")
	data, err := report.JSON(r)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(b.out, "report.html"), report.HTML(r), 0o644),
		os.WriteFile(filepath.Join(b.out, "report.json"), data, 0o644),
	)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s" }
