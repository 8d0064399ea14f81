package setupplatform

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/secrets"
)

// Report tells a run for people. failure is the error it ended with, if any.
func (r Result) Report(failure error) report.Report {
	out := report.Report{
		Title: "setup-platform: " + r.Plan.Profile,
		Start: r.Start, End: r.End,
		Steps:  report.Steps(r.Steps),
		Status: report.Passed,
	}
	took := r.End.Sub(r.Start).Round(100 * time.Millisecond)
	switch {
	case failure != nil:
		out.Status, out.Verdict = report.Failed, failure.Error()
	case r.Changed():
		out.Verdict = fmt.Sprintf("the platform is up: %d components in %s", len(r.Plan.Components), took)
	default:
		out.Verdict = fmt.Sprintf("unchanged: %d components are as wanted, checked in %s", len(r.Plan.Components), took)
	}
	out.Facts = append(out.Facts, report.Fact{Name: "profile", Value: r.Plan.Profile})
	if r.Kubeconfig != "" {
		out.Facts = append(out.Facts, report.Fact{Name: "kubeconfig", Value: r.Kubeconfig})
	}
	for _, name := range []string{"kind-net-subnet", "infra-net-subnet", "registry-mirror", RegistryValue} {
		if v := r.Values[name]; v != "" {
			out.Facts = append(out.Facts, report.Fact{Name: name, Value: v})
		}
	}
	if fact := r.locked(); fact != "" {
		out.Facts = append(out.Facts, report.Fact{Name: "images by digest", Value: fact})
	}
	out.Facts = append(out.Facts, r.speed()...)
	for _, t := range r.Tables {
		out.Sections = append(out.Sections, report.Section{Title: t.Title, Table: report.Table{Header: t.Header, Rows: t.Rows}})
	}
	if failure == nil { // else nobody knows what can be reached
		out.Sections = append(out.Sections, r.endpoints()...)
	}
	out.Sections = append(out.Sections, r.credentialNames()...)
	if len(r.Warnings) > 0 {
		out.Sections = append(out.Sections, report.Section{Title: "Warnings", Table: report.Table{Header: []string{"what will bite"}, Rows: rows(r.Warnings)}})
	}
	return out
}

// speed says what decided how long the run took, beside what the plan expected.
func (r Result) speed() []report.Fact {
	chain := engine.LongestChain(r.Steps)
	if len(chain) == 0 {
		return nil
	}
	names := make([]string, len(chain))
	for i, s := range chain {
		names[i] = fmt.Sprintf("%s %.1f s", s.ID, s.End.Sub(s.Start).Seconds())
	}
	took := chain[len(chain)-1].End.Sub(chain[0].Start)
	facts := []report.Fact{
		{Name: "longest chain", Value: fmt.Sprintf("%.1f s: %s", took.Seconds(), strings.Join(names, " → "))},
		{Name: "at work at once", Value: fmt.Sprintf("%.1f on average", engine.Parallelism(r.Steps))},
	}
	if r.Changed() { // what the plan expects is how long it takes to make everything
		facts = append(facts, report.Fact{Name: "expected by the plan", Value: fmt.Sprintf("%.1f s: %s", r.Plan.Takes().Seconds(), strings.Join(r.Plan.Critical(), " → "))})
	}
	if r.Requests > 0 {
		facts = append(facts, report.Fact{Name: "requests to the API server", Value: fmt.Sprintf("%d, %.1f a second", r.Requests, float64(r.Requests)/took.Seconds())})
	}
	return facts
}

// endpoints say where what the platform offers is reached from each side.
func (r Result) endpoints() []report.Section {
	t := report.Table{Header: []string{"endpoint", "protocol", "from pods", "from containers", "from this machine"}}
	for _, e := range r.Plan.Endpoints(r.Env.Name) {
		t.Rows = append(t.Rows, []string{e.Name, string(e.Protocol), e.Cluster, e.Docker, e.Host})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []report.Section{{Title: "Endpoints", Table: t}}
}

// credentialNames say which credentials there are, and where their values are, which
// are never shown.
func (r Result) credentialNames() []report.Section {
	t := report.Table{Header: []string{"credential", "", "of"}}
	for _, name := range r.Plan.Secrets() {
		origin := "given"
		if _, ours := r.Env.Generated[name]; ours {
			origin = "generated"
		}
		var of []string
		for _, c := range r.Plan.Components {
			if slices.Contains(c.Secrets, name) {
				of = append(of, c.Name)
			}
		}
		t.Rows = append(t.Rows, []string{name, origin, strings.Join(of, ", ")})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	text := "What was generated is in " + filepath.Join(r.Env.StateDir, secrets.File) + ", for its owner alone."
	return []report.Section{{Title: "Credentials", Text: text, Table: t}}
}

func rows(texts []string) [][]string {
	out := make([][]string, len(texts))
	for i, text := range texts {
		out[i] = []string{text}
	}
	return out
}
