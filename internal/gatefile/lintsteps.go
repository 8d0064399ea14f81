package gatefile

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"
)

// steps is as much of a Rollout as says how long its canary can be measured.
type steps struct {
	name       string
	all        []step
	holding    []string // templates of which a run holds the Rollout up until it ends
	background []string
	from       int // index of the step at which the background analysis begins
}

// step is one step of a canary.
type step struct {
	Pause *struct{ Duration pauseLength }
	// Of an analysis it is enough to know that the step takes as long as that does.
	Analysis *analysis
}

type analysis struct {
	Templates    []struct{ TemplateName string }
	StartingStep int
}

func (a *analysis) names() []string {
	var out []string
	if a != nil {
		for _, t := range a.Templates {
			out = append(out, t.TemplateName)
		}
	}
	return out
}

// pauseLength is seconds as a number or as text, or a duration such as 1h; 0 for a
// pause that only a human ends.
type pauseLength time.Duration

// UnmarshalJSON reads any of the forms.
func (p *pauseLength) UnmarshalJSON(b []byte) error {
	text, err := strconv.Unquote(string(b))
	if err != nil {
		text = string(b)
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		*p = pauseLength(time.Duration(n) * time.Second)
		return nil
	}
	d, err := time.ParseDuration(text)
	*p = pauseLength(d)
	return err
}

// addRollout notes the steps of a document that is a Rollout. One that cannot be
// read has none: what is wrong with it is Argo's to say.
func (l *linter) addRollout(text []byte) {
	var r struct {
		Kind     string
		Metadata struct{ Name string }
		Spec     struct {
			Strategy struct {
				Canary struct {
					Steps    []step
					Analysis *analysis
				}
				BlueGreen struct{ PrePromotionAnalysis, PostPromotionAnalysis *analysis }
			}
		}
	}
	if err := yaml.Unmarshal(text, &r); err != nil || r.Kind != "Rollout" {
		return
	}
	canary, blueGreen := r.Spec.Strategy.Canary, r.Spec.Strategy.BlueGreen
	s := steps{name: r.Metadata.Name, all: canary.Steps, background: canary.Analysis.names()}
	if canary.Analysis != nil {
		s.from = canary.Analysis.StartingStep
	}
	for _, one := range canary.Steps {
		s.holding = append(s.holding, one.Analysis.names()...)
	}
	s.holding = append(s.holding, append(blueGreen.PrePromotionAnalysis.names(), blueGreen.PostPromotionAnalysis.names()...)...)
	l.rollouts = append(l.rollouts, s)
}

// paused is how long the pauses from a step on last together. It is unknown where
// one waits for a human or for an analysis, and where there is none at all.
func (s steps) paused(from int) (sum time.Duration, known bool) {
	for i, one := range s.all {
		switch {
		case i < from:
		case one.Analysis != nil, one.Pause != nil && one.Pause.Duration <= 0:
			return 0, false
		case one.Pause != nil:
			sum += time.Duration(one.Pause.Duration)
		}
	}
	return sum, sum > 0
}

// ends finds a metric that never ends, or that ends after the steps that it is
// to judge. Which it is says the Rollout that uses it; without one it may be.
func (l *linter) ends(template string, m metricManifest) {
	interval, _ := time.ParseDuration(m.Interval)
	endless := interval > 0 && m.Wanted() == 0 && m.ConsecutiveSuccessLimit == nil
	used := false
	for _, r := range l.rollouts {
		if holds := slices.Contains(r.holding, template); holds {
			used = true
			if endless {
				l.fail(m.Name, "endless", "it has an interval and no count: Rollout %s waits for it and never goes on", r.name)
			}
		}
		if !slices.Contains(r.background, template) {
			continue
		}
		used = true
		delay, _ := time.ParseDuration(m.InitialDelay)
		takes := delay + time.Duration(max(0, m.Wanted()-1))*interval
		if has, known := r.paused(r.from); known && takes > has {
			l.warn(m.Name, "does-not-fit", "%d measurements every %s take %s, but the pauses of Rollout %s last %s in all: Argo ends it then, and takes what was not measured for a success",
				m.Wanted(), interval, takes, r.name, has)
		}
	}
	if endless && !used {
		l.warn(m.Name, "endless", "it has an interval and no count: as a step of a Rollout it never ends; it fits background analysis alone")
	}
}

// fits finds a check that cannot have the samples that it asks for while the
// Rollout pauses. Prometheus has no more of them than it scrapes.
func (l *linter) fits(c Check) {
	every, first := max(time.Duration(c.Interval), l.scrape), time.Duration(0)
	rule, what := "does-not-fit", "the rest is measured when everybody has the release"
	switch {
	case c.Budget != nil:
		return
	case c.Compare != nil:
		every, first = max(time.Duration(c.Compare.Step), l.scrape), time.Duration(c.Compare.WarmUp)
		rule, what = "too-few-samples", "it will be inconclusive"
	}
	takes := first + time.Duration(c.MinSamples-1)*every
	for _, r := range l.rollouts {
		if has, known := r.paused(0); known && takes > has {
			warmUp := ""
			if first > 0 {
				warmUp = fmt.Sprintf(" after %s", first)
			}
			l.warn(c.Name, rule, "%d samples every %s%s take %s, but the pauses of Rollout %s last %s in all: %s", c.MinSamples, every, warmUp, takes, r.name, has, what)
		}
	}
}
