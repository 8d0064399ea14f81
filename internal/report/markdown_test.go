package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

func TestMarkdown(t *testing.T) {
	golden.Compare(t, "report.md", Markdown(sample()))
}

func TestMarkdown_VerdictComesFirst(t *testing.T) {
	r := sample()
	r.Status = Failed
	got := strings.SplitN(Markdown(r), "\n", 4)
	if got[0] != "## ❌ demo: a good and a bad release" || !strings.HasPrefix(got[2], "**v2 was promoted") {
		t.Errorf("%q", got[:3])
	}
}

func TestMarkdown_StaysBelowTheLimitOfGitHub(t *testing.T) {
	r := sample()
	long := strings.Repeat("<|*_`", 20_000)
	r.Verdict, r.Steps[9].Detail = long, long
	for i := range 600 {
		r.Steps = append(r.Steps, Step{Name: fmt.Sprintf("s%d", i), Detail: long, Status: Failed, Start: at(0), End: at(1)})
		r.Facts = append(r.Facts, Fact{"fact", long})
	}
	for range 20 {
		r.Sections = append(r.Sections, Section{Title: "log", Text: long, Log: strings.Repeat(long[:2000]+"\n", 1000)})
	}
	got := Markdown(r)
	if len(got) > MarkdownMost {
		t.Errorf("%d bytes", len(got))
	}
	if !strings.Contains(got, "left out") {
		t.Error("does not say that something is missing")
	}
}

func TestMarkdown_Empty(t *testing.T) {
	if got := Markdown(Report{Title: "x", Status: Passed}); got != "## ✅ x\n\n" {
		t.Errorf("%q", got)
	}
}
