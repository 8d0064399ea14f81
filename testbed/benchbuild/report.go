package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
)

// The goals, as parts of what the plain commands take, and in seconds.
const (
	atMost         = 1.05
	unchangedTimes = 5
	unchangedTime  = 3 * time.Second
	permissionTime = time.Second
	startTime      = 200 * time.Millisecond
)

// report prints the medians, and each goal with whether it was met.
func (b *benchmark) report() {
	fmt.Printf("\n%s, engine %s, %s; medians of %d\n\n", b.tool.CLI, b.tool.Engine, b.tool.Mode, len(b.took["cold build-push"]))
	if b.tool.Mode != builder.Buildx {
		fmt.Println("There is no buildx here: docker buildx build --push is left out.")
	}
	fmt.Printf("%-28s%10s%10s\n", "", "cold", "cached")
	for _, w := range b.ways() {
		fmt.Printf("%-28s%10s%10s\n", w.name, seconds(b.median("cold", w.name)), seconds(b.median("cached", w.name)))
	}
	fmt.Println()
	for _, w := range b.ways() {
		if w.name == "build-push" {
			continue
		}
		for _, kind := range []string{"cold", "cached"} {
			r := float64(b.median(kind, "build-push")) / float64(b.median(kind, w.name))
			goal(fmt.Sprintf("%s, in relation to %s", kind, w.name), fmt.Sprintf("%.2f", r), fmt.Sprintf("at most %.2f", atMost), r <= atMost)
		}
		if unchanged := b.median("unchanged", "build-push"); unchanged > 0 {
			times := float64(b.median("cold", w.name)) / float64(unchanged)
			goal("unchanged, faster than cold "+w.name, fmt.Sprintf("%.1f times", times), fmt.Sprintf("at least %d", unchangedTimes), times >= unchangedTimes)
		}
	}
	for _, g := range []struct {
		name, kind string
		most       time.Duration
	}{
		{"unchanged content", "unchanged", unchangedTime},
		{"question for the permission", "permission", permissionTime},
		{"start of the binary", "start", startTime},
	} {
		if took := b.median(g.kind, "build-push"); took > 0 {
			goal(g.name, seconds(took), "at most "+seconds(g.most), took <= g.most)
		}
	}
}

func goal(name, got, want string, met bool) {
	verdict := "met"
	if !met {
		verdict = "MISSED"
	}
	fmt.Printf("%-56s%12s   %-16s%s\n", name, got, want, verdict)
}

// median is 0 for what was not measured.
func (b *benchmark) median(kind, name string) time.Duration {
	took := slices.Sorted(slices.Values(b.took[kind+" "+name]))
	if len(took) == 0 {
		return 0
	}
	return took[len(took)/2]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
