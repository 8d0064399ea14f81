package gatefile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/judge"
)

// complete fills in the defaults and refuses what cannot be judged.
func (c *Check) complete() error {
	kinds := 0
	for _, given := range []bool{c.Condition+c.FailureCondition != "", c.Compare != nil, c.Budget != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("it must have exactly one of a condition, compare and budget")
	}
	if (c.Query == "") != (c.Budget != nil) {
		return fmt.Errorf("a query belongs to a condition and to compare; a budget has its own, errors")
	}
	samples := 3
	switch {
	case c.Compare != nil:
		samples = 20
		if err := c.Compare.complete(c.Query); err != nil {
			return err
		}
	case c.Budget != nil:
		samples = 1
		if err := c.Budget.complete(); err != nil {
			return err
		}
	default:
		if _, err := judge.Compile(c.Condition, c.FailureCondition); err != nil {
			return err
		}
	}
	if c.MinSamples == 0 {
		c.MinSamples = samples
	}
	if c.MinSamples < 0 || c.FailureLimit < 0 {
		return fmt.Errorf("min-samples and failure-limit must not be negative")
	}
	c.defaults()
	for name, p := range map[string]Policy{"on-no-data": c.OnNoData, "on-error": c.OnError} {
		if !slices.Contains([]Policy{Undecided, Fail, Pass}, p) {
			return fmt.Errorf("%s is %q: it must be undecided, fail or pass", name, p)
		}
	}
	if *c.Weight < 0 {
		return fmt.Errorf("weight must not be negative")
	}
	return nil
}

func (c *Check) defaults() {
	one, yes := 1.0, true
	if c.Interval == 0 {
		c.Interval = Duration(10 * time.Second)
	}
	if c.OnNoData == "" {
		c.OnNoData = Undecided
	}
	if c.OnError == "" {
		c.OnError = Undecided
	}
	if c.Weight == nil {
		c.Weight = &one
	}
	if c.Critical == nil {
		c.Critical = &yes
	}
}

func (c *Compare) complete(query string) error {
	if !slices.Contains([]string{"increase", "decrease", "either"}, c.Direction) {
		return fmt.Errorf("compare: direction is %q: it must be increase, decrease or either, whichever is bad", c.Direction)
	}
	if !strings.Contains(query, "{{hash}}") && !strings.Contains(query, "{{pods}}") {
		return fmt.Errorf("compare: the query names neither {{hash}} nor {{pods}}, so both sides would get the same values")
	}
	quarter := 0.25
	if c.Tolerance == nil {
		c.Tolerance = &quarter
	}
	if c.Confidence == 0 {
		c.Confidence = 0.98
	}
	if *c.Tolerance < 0 || c.Confidence <= 0.5 || c.Confidence >= 1 {
		return fmt.Errorf("compare: tolerance must not be negative, confidence lies between 0.5 and 1")
	}
	if c.Step == 0 {
		c.Step = Duration(10 * time.Second)
	}
	if c.WarmUp == 0 {
		c.WarmUp = Duration(30 * time.Second)
	}
	return nil
}

func (b *Budget) complete() error {
	if b.Objective <= 0 || b.Objective >= 100 {
		return fmt.Errorf("budget: objective is %g: it must be a percentage such as 99.9", b.Objective)
	}
	if !strings.Contains(b.Errors, "{{window}}") {
		return fmt.Errorf("budget: errors does not use {{window}}, so all windows would be the same")
	}
	if b.Windows == nil {
		b.Windows = workbook
	}
	for _, w := range b.Windows {
		if w.Long == "" || w.Short == "" || !(w.Burn > 0) {
			return fmt.Errorf("budget: a window needs long, short and burn")
		}
	}
	return nil
}
