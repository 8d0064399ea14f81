package report

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

var epoch = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }

// sample is a release as the demo makes it, with foreign text in every field.
func sample() Report {
	steps := Steps([]engine.Result{
		{ID: "infra-net", Lane: "docker", Outcome: engine.Created, Start: at(0), End: at(0.3)},
		{ID: "redis-cluster", Lane: "docker", Needs: []string{"infra-net"}, Outcome: engine.Created, Start: at(0.3), End: at(9.1)},
		{ID: "kind-net", Lane: "docker", Outcome: engine.Unchanged, Start: at(0), End: at(0.1)},
		{ID: "kind-cluster", Lane: "cluster", Needs: []string{"kind-net"}, Outcome: engine.Created, Start: at(0.1), End: at(31.8)},
		{ID: "argo-rollouts", Lane: "cluster", Needs: []string{"kind-cluster"}, Outcome: engine.Created, Start: at(31.8), End: at(40.2)},
		{ID: "prometheus", Lane: "cluster", Needs: []string{"kind-cluster"}, Outcome: engine.Created, Start: at(31.8), End: at(44.9)},
		{ID: "join-nodes", Lane: "bridge", Needs: []string{"kind-cluster", "infra-net"}, Outcome: engine.Configured, Start: at(31.8), End: at(32.6)},
		{ID: "cross-tier-proof", Lane: "bridge", Needs: []string{"join-nodes", "redis-cluster"}, Outcome: engine.Checked, Start: at(32.6), End: at(38)},
		{ID: "release v2", Lane: "release", Needs: []string{"prometheus", "argo-rollouts"}, Outcome: engine.Configured, Start: at(44.9), End: at(71)},
		{ID: "release v3", Lane: "release", Needs: []string{"release v2"}, Err: errors.New("the gate says no: 51 % of requests failed | limit 5 % <script>alert(1)</script> `x`"), Start: at(71), End: at(104)},
		{ID: "clean up", Lane: "release", Needs: []string{"release v3"}, Outcome: engine.Blocked},
	})
	var good, canary []Point
	for i := 0; i <= 33; i++ {
		v := 0.0
		if i > 8 {
			v = 51 - 300/float64(i*i)*10
		}
		if i == 5 {
			v = math.NaN()
		}
		good = append(good, Point{at(71 + float64(i)), 0.4 + 0.3*math.Sin(float64(i))})
		canary = append(canary, Point{at(71 + float64(i)), math.Max(v, 0)})
	}
	return Report{
		Title:   "demo: a good and a bad release",
		Verdict: "v2 was promoted; v3 was refused because 51 % of its requests failed, and v2 still serves.",
		Status:  Passed,
		Facts: []Fact{
			{"image", "localhost:5001/shop/backend:v3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
			{"commit", "4f2a9c1 \"fix <b>*everything*</b> | @everyone [x](javascript:alert(1))\""},
			{"revision", "backend-7c9d8f5b6d"},
		},
		Steps: steps,
		Charts: []Chart{{
			Title: "Share of failed requests", Unit: "%",
			Series: []Series{{"stable (v2)", good}, {"canary (v3)", canary}},
			Limit:  &Limit{Name: "limit", Value: 5},
			Bands:  []Band{{at(70), at(79), "25 %"}, {at(79), at(100), "50 %"}},
			Marks:  []Mark{{at(78), "v3 gets 25 %"}, {at(100), "aborted"}},
		}},
		Sections: []Section{
			{Title: "Why v3 was refused", Text: "The condition `result < 0.05` held in 0 of 3 measurements.\n\n# not a heading\n- not a list\n<img src=x onerror=alert(1)>"},
			{Title: "Measurements", Table: Table{Header: []string{"Time", "Value", "Verdict"}, Rows: [][]string{{"02:01:20", "0.49", "no"}, {"02:01:30", "0.51|x", "no"}, {"02:01:40"}}}},
			{Title: "Log of the canary", Log: "GET / 500\n```\n::error::not ours\n\x1b[31mred\x1b[0m\n</pre><script>alert(1)</script>\n"},
		},
	}
}

func TestText(t *testing.T) {
	golden.Compare(t, "text-100.txt", Text(sample(), TextOptions{}))
	golden.Compare(t, "text-60.txt", Text(sample(), TextOptions{Width: 60}))
	if got := Text(sample(), TextOptions{Colour: true, Width: 100}); trimLines(stripEscapes(got)) != trimLines(Text(sample(), TextOptions{})) {
		t.Error("colours change the text")
	}
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestText_NoLineIsWiderThanTheConsole(t *testing.T) {
	for _, width := range []int{48, 60, 80, 100, 200} {
		r := sample()
		r.Facts = nil // these are never cut
		for _, line := range strings.Split(Text(r, TextOptions{Width: width}), "\n") {
			if columns(line) > width {
				t.Errorf("width %d: %d columns: %q", width, columns(line), line)
			}
		}
	}
}

func TestText_NoLineIsACommandToTheRunner(t *testing.T) {
	evil := "x\n ::set-output name=a::b\n##[error]x ::stop-commands::y\n\u200b:\u2060:error::z\n#\u200b#[group]z"
	r := Report{Title: evil, Verdict: evil, Facts: []Fact{{"::a::", evil}}, Steps: []Step{{Name: "::error::", Lane: evil, Detail: evil, Status: Failed}},
		Sections: []Section{{Title: "::error::x", Text: "::error::x\n\n" + evil, Table: Table{Rows: [][]string{{"::error::x"}}}, Log: evil}}}
	for _, colour := range []bool{false, true} {
		for _, width := range []int{0, 48} {
			for _, line := range strings.Split(Text(r, TextOptions{Colour: colour, Width: width}), "\n") {
				bare := strings.NewReplacer("\u200b", "", "\u2060", "").Replace(strings.TrimSpace(stripEscapes(line)))
				if bare = strings.TrimSpace(bare); strings.HasPrefix(bare, "::") || strings.Contains(bare, "##[") {
					t.Errorf("a command: %q", line)
				}
			}
		}
	}
}

func TestText_EmptyReport(t *testing.T) {
	if got := Text(Report{}, TextOptions{}); strings.Contains(got, "%!") {
		t.Error(got)
	}
}

func TestJSON(t *testing.T) {
	b, err := JSON(sample())
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "report.json", string(b))
}

func TestParseSteps_ReadsWhatJSONWrote(t *testing.T) {
	r := Report{Steps: []Step{
		{Name: "kind", Lane: "cluster", Status: Passed, Detail: "created", Start: time.Unix(100, 0).UTC(), End: time.Unix(130, 0).UTC(), Needs: []string{"kind-net"}},
		{Name: "proof", Lane: "bridge", Status: Skipped},
	}}
	data, err := JSON(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseSteps(data)
	if err != nil || !reflect.DeepEqual(got, r.Steps) {
		t.Errorf("got %+v, %v; want %+v", got, err, r.Steps)
	}
	if _, err := ParseSteps([]byte("{")); err == nil {
		t.Error("half a document was read")
	}
}
