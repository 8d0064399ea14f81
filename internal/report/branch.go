package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
)

// branch is a lane and its steps.
type branch struct {
	lane  string
	steps []*step // in the order of the graph
	shown []*step // those of them that are drawn
	open  bool    // it is drawn itself
}

func (c *Console) branches() []*branch {
	var all []*branch
	for _, s := range c.steps {
		lane := cmp.Or(s.lane, "steps")
		i := slices.IndexFunc(all, func(br *branch) bool { return br.lane == lane })
		if i < 0 {
			i = len(all)
			all = append(all, &branch{lane: lane})
		}
		all[i].steps = append(all[i].steps, s)
	}
	return all
}

// sum says how a branch is: its status, its time, and how many of its steps are done.
func (br *branch) sum(now time.Time) (Status, time.Duration, string) {
	var start, end time.Time
	for _, s := range br.steps {
		if start.IsZero() || !s.start.IsZero() && s.start.Before(start) {
			start = s.start
		}
		if s.end.After(end) {
			end = s.end
		}
	}
	n := count(br.steps)
	text := fmt.Sprintf("%d of %d done", n[Passed], len(br.steps))
	status := Passed
	switch {
	case n[Failed] > 0:
		status = Failed
	case n[Running] > 0:
		status = Running
	case n[""] > 0, n[Skipped] > 0:
		status = Skipped
	case br.quiet():
		text = fmt.Sprintf("%d %s", len(br.steps), engine.Unchanged)
	}
	if n[Running] > 0 {
		text += fmt.Sprintf(", %d at work", n[Running])
		end = now
	}
	if start.IsZero() {
		end = start
	}
	return status, end.Sub(start), text
}

// quiet reports that there was nothing to do.
func (br *branch) quiet() bool {
	return !slices.ContainsFunc(br.steps, func(s *step) bool { return s.text != string(engine.Unchanged) })
}

func count(steps []*step) map[Status]int {
	n := map[Status]int{}
	for _, s := range steps {
		n[s.status]++
	}
	return n
}

// unfold shows everything but the steps of branches in which there was nothing to do.
func unfold(branches []*branch) {
	for _, br := range branches {
		br.open = true
		if !br.quiet() {
			br.shown = br.steps
		}
	}
}

// choose takes what there is room for: what failed and what is at work, then the
// branches, then what has ended, the last first, then what waits. What is left
// out is in the figures of its branch.
func choose(branches []*branch, room int) {
	rank := func(s *step) int { return slices.Index([]Status{Failed, Running, Passed, Skipped, ""}, s.status) }
	type leaf struct {
		*branch
		*step
	}
	var leaves []leaf
	for _, br := range branches {
		for _, s := range br.steps {
			leaves = append(leaves, leaf{br, s})
		}
	}
	slices.SortStableFunc(leaves, func(a, b leaf) int {
		return cmp.Or(cmp.Compare(rank(a.step), rank(b.step)), b.end.Compare(a.end))
	})
	chosen := map[*step]bool{}
	take := func(urgent bool) {
		for _, l := range leaves {
			need := 1
			if !l.open {
				need = 2
			}
			if urgent == (l.status == Failed || l.status == Running) && need <= room {
				l.open, chosen[l.step] = true, true
				room -= need
			}
		}
	}
	take(true)
	for _, br := range branches {
		if !br.open && room > 0 {
			br.open = true
			room--
		}
	}
	take(false)
	for _, br := range branches {
		for _, s := range br.steps {
			if chosen[s] {
				br.shown = append(br.shown, s)
			}
		}
	}
}
