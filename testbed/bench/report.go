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

// fact notes what a way took, by the clock and of the processors.
func (b *benchmark) fact(name string, took, before time.Duration) error {
	now, err := busy()
	b.facts = append(b.facts,
		report.Fact{Name: name, Value: seconds(took)},
		report.Fact{Name: name + ": processor time", Value: seconds(now - before)})
	return err
}

// busy is for how long the machine's processors have been at work since it started,
// all of them together: see proc_stat(5), whose unit is 10 ms.
func busy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	ticks := 0
	for i, field := range strings.Fields(line)[1:8] { // what guests took is in the first two as well
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if i != 3 && i != 4 { // idle, and waiting for a disk
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s" }
