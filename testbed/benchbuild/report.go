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
	fmt.Printf("\n%s, engine %s, %s; medians of %d cold builds and of %d of each other\n\n", b.tool.CLI, b.tool.Engine, b.tool.Mode, len(b.took[cold+" "+ours]), len(b.took[cached+" "+ours]))
	if b.tool.Mode != builder.Buildx {
		fmt.Println("There is no buildx here: docker buildx build --push is left out.")
	}
	fmt.Printf("%-40s", "")
	for _, kind := range kinds {
		fmt.Printf("%10s", kind)
	}
	for _, w := range b.ways() {
		fmt.Printf("\n%-40s", w.name)
		for _, kind := range kinds {
			fmt.Printf("%10s", seconds(b.median(kind, w.name)))
		}
	}
	fmt.Printf("\n%-40s%30s\n", "build-push by default: not built", seconds(b.median("unchanged", ours)))
	fmt.Println()
	for _, w := range b.ways() {
		if w.name == ours {
			continue
		}
		for _, kind := range kinds {
			r := relate(b.took[kind+" "+ours], b.took[kind+" "+w.name])
			goal(fmt.Sprintf("%s and built, in relation to %s", kind, w.name), r.String(), fmt.Sprintf("at most %.2f", atMost), r.median <= atMost)
		}
		if unchanged := b.median("unchanged", ours); unchanged > 0 {
			r := float64(unchanged) / float64(b.median(cached, w.name))
			goal("unchanged, in relation to cached "+w.name, fmt.Sprintf("%.2f", r), fmt.Sprintf("at most %.2f", atMost), r <= atMost)
			times := float64(b.median(cold, w.name)) / float64(unchanged)
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
		if took := b.median(g.kind, ours); took > 0 {
			goal(g.name, seconds(took), "at most "+seconds(g.most), took <= g.most)
		}
	}
}

func goal(name, got, want string, met bool) {
	verdict := "met"
	if !met {
		verdict = "MISSED"
	}
	fmt.Printf("%-64s%24s   %-16s%s\n", name, got, want, verdict)
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
