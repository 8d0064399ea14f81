package canarygate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// TestCharts has canary, baseline, limit and the steps of the Rollout, the failed
// check first.
func TestCharts(t *testing.T) {
	o := judgedBy(t, "checks:\n"+
		"- {name: good, query: other, condition: 'result[0] >= 0', interval: 5s}\n"+
		"- {name: errors, query: 'errors{hash=\"{{pod-hash}}\"}', condition: 'result[0] < 0.05', interval: 5s, critical: false}\n"+
		"- {name: latency, query: 'latency{hash=\"{{hash}}\"}', compare: {direction: increase}}")
	half := progressing("v2")
	half.Steps = append(half.Steps, rollout.Step{Kind: "setWeight", Weight: 50})
	half.Status.StepIndex = 2
	r := play(t, o, &stage{
		rollouts: []scene{{0, progressing("v2")}, {32, half}, {63, healthy("v2")}},
		values:   map[int]promql.Result{0: value(0.01), 40: value(0.5)},
		ranges: map[string][]float64{
			`latency{hash="h-v2"}`: samples(1, 30), `latency{hash="h-old"}`: samples(1, 30), `errors{hash="h-old"}`: samples(0.01, 12),
		},
	})
	const want = "; good is result[0] < 0.05, and the baseline has 0.021"
	if r.Verdict != Failed || !strings.HasPrefix(r.Message, "score 66.67 of 100") || !strings.HasSuffix(r.Message, want) {
		t.Errorf("%s: %s, want it to end with %q", r.Verdict, r.Message, want)
	}
	var said []string
	for _, c := range r.charts() {
		line := c.Title
		for _, s := range c.Series {
			line += " " + s.Name
			if len(s.Points) < 12 { // the last measurements may still be under way when the verdict is there
				t.Errorf("%s: %s has %d points", c.Title, s.Name, len(s.Points))
			}
		}
		if c.Limit != nil {
			line += fmt.Sprintf(" %g %v", c.Limit.Value, c.Limit.AtLeast)
		}
		for _, b := range c.Bands {
			line += fmt.Sprintf(" [from %g: %s]", b.Start.Sub(r.Start).Seconds(), b.Name)
		}
		said = append(said, line)
	}
	charts := []string{
		"errors canary baseline 0.05 false [from 0: 25 %] [from 32: 50 %]",
		"good canary 0 true [from 0: 25 %] [from 32: 50 %]",
		"latency canary baseline [from 0: 25 %] [from 32: 50 %]",
	}
	if !slices.Equal(said, charts) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(charts, "\n"))
	}
}

// TestGate_TellsWhatIsLeft of a pause, at its start and every half minute.
func TestGate_TellsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pause := progressing("v2")
		pause.Steps[1].Duration = 80 * time.Second
		pause.Status.StepIndex, pause.Status.Phase, pause.Status.Message = 1, rollout.Paused, "CanaryPauseStep"
		pause.Status.Pauses = []rollout.Pause{{Reason: "CanaryPauseStep", Start: time.Now().Add(5 * time.Second)}}
		s := &stage{start: time.Now(), values: map[int]promql.Result{0: value(0)}, rollouts: []scene{{5, pause}, {85, healthy("v2")}}}
		var lines []string
		o := options()
		o.Progress = func(l string) {
			if strings.Contains(l, "left") {
				lines = append(lines, l)
			}
		}
		p, _ := o.check()
		if _, err := run(t.Context(), p, s, s); err != nil {
			t.Fatal(err)
		}
		const at = "Paused (CanaryPauseStep), step 2 of 2, 25 %, "
		if want := []string{at + "1m20s of the pause left", at + "50s of the pause left", at + "20s of the pause left"}; !slices.Equal(lines, want) {
			t.Errorf("%q", lines)
		}
	})
}
