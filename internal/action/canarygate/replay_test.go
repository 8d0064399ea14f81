package canarygate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/testbed/servers"
)

// epoch is when the recorded past below begins.
var epoch = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func minute(m float64) time.Time { return epoch.Add(time.Duration(m * float64(time.Minute))) }

// tape is a past as a Prometheus would have scraped it every 15 s.
type tape map[string]*bytes.Buffer

// play writes one series of a metric between two minutes.
func (p tape) play(metric, labels string, from, to float64, value func(minute float64) float64) {
	b := p[metric]
	if b == nil {
		b = &bytes.Buffer{}
		fmt.Fprintf(b, "# TYPE %s gauge\n", metric)
		p[metric] = b
	}
	for m := from; m <= to; m += 0.25 {
		fmt.Fprintf(b, "%s{%s} %g %d\n", metric, labels, value(m), minute(m).Unix())
	}
}

func (p tape) text() []byte {
	var out bytes.Buffer
	for _, b := range p {
		out.Write(b.Bytes())
	}
	out.WriteString("# EOF\n")
	return out.Bytes()
}

// revision plays what kube-state-metrics says of a ReplicaSet that was scaled up
// between two minutes and is kept at 0 afterwards, and the errors of its pods.
func (p tape) revision(owner, hash string, from, to float64, errors, latency float64) {
	set := fmt.Sprintf(`namespace="apps",replicaset="%s-%s"`, owner, hash)
	p.play("kube_replicaset_owner", set+fmt.Sprintf(`,owner_kind="Rollout",owner_name=%q,owner_is_controller="true"`, owner), from, to+60, func(float64) float64 { return 1 })
	p.play("kube_replicaset_spec_replicas", set, from, to+60, func(m float64) float64 {
		if m > to {
			return 0
		}
		return 4
	})
	pod := fmt.Sprintf(`namespace="apps",hash=%q`, hash)
	p.play("error_share", pod, from+0.5, to, func(float64) float64 { return errors })
	p.play("latency", pod, from+0.5, to, func(m float64) float64 { return latency * (1 + 0.01*float64(int(m*4)%5)) })
}

const replayGate = `
checks:
- {name: errors, query: 'error_share{hash="{{pod-hash}}",namespace="{{namespace}}"}', condition: 'result[0] < 0.05', interval: 15s, on-no-data: undecided}
- {name: latency, query: 'latency{hash="{{hash}}"}', compare: {direction: increase, step: 15s}}
`

func replayed(t *testing.T, text string, change func(*ReplayOptions)) []Replayed {
	t.Helper()
	f, err := gatefile.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o := ReplayOptions{Rollout: "apps/shop", Gate: f, Log: func(string, ...any) {}}
	change(&o)
	out, err := Replay(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestReplay has a real Prometheus that remembers four releases, and two
// ReplicaSets that are none of this Rollout's.
func TestReplay(t *testing.T) {
	past := tape{}
	past.revision("shop", "aaaa", 0, 70, 0.01, 0.1)      // was there before
	past.revision("shop", "bbbb", 60, 130, 0.01, 0.1)    // good
	past.revision("shop", "cccc", 120, 124, 0.30, 0.1)   // errors, and Argo took it back
	past.revision("shop", "dddd", 160, 400, 0.01, 0.1)   // replaces bbbb, which went away without anybody
	past.revision("shop", "eeee", 180, 195, 0.01, 0.2)   // slow, and taken back by hand
	past.revision("shop-x", "ffff", 90, 100, 0.9, 0.1)   // another Rollout of a like name
	past.revision("front", "shop-gggg", 91, 99, 0.9, .1) // another yet
	url := servers.Prometheus(t, past.text())

	all := replayed(t, replayGate, func(o *ReplayOptions) { o.Prometheus, o.Since = url, time.Since(minute(30)) })
	type line struct{ hash, stable, outcome, verdict, message string }
	want := []line{
		{"bbbb", "aaaa", Promoted, "passed", "score 100"},
		{"cccc", "bbbb", TakenBack, "failed", "errors: 1 of "},
		{"eeee", "dddd", TakenBack, "failed", "latency: higher than the baseline: 0.2"},
	}
	if len(all) != len(want) {
		t.Fatalf("%+v", all)
	}
	for i, r := range all {
		w := want[i]
		if r.Hash != w.hash || r.Stable != w.stable || r.Outcome != w.outcome || string(r.Verdict) != w.verdict || !strings.Contains(r.Message, w.message) {
			t.Errorf("%+v\nwant %+v", r, w)
		}
	}
	if took := all[0].End.Sub(minute(60)); took < 9*time.Minute || took > 11*time.Minute {
		t.Errorf("the first release took %s, want 10m", took)
	}
	if after := all[1].At.Sub(minute(120)); after > 2*time.Minute {
		t.Errorf("the errors would have been found after %s", after)
	}

	text := report.Text(ReplayReport("apps/shop", all), report.TextOptions{Width: 200})
	for _, want := range []string{"2 of 3 releases would have been stopped, 0 could not be told", "NO: cccc at 2026-01-05 10:00:00 UTC", "errors: 1 of ", "taken back"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	t.Log("\n" + text)
	data, err := json.Marshal(ReplayJSON("apps/shop", all))
	if err != nil || !bytes.Contains(data, []byte(`"podHash":"eeee","stableHash":"dddd","outcome":"taken back","verdict":"failed","reason":"check_failed"`)) {
		t.Errorf("%v %s", err, data)
	}

	t.Run("a window by hand", func(t *testing.T) {
		w, err := ParseRelease(minute(60).Format(time.RFC3339) + "/" + minute(70).Format(time.RFC3339) + "/bbbb/aaaa")
		if err != nil {
			t.Fatal(err)
		}
		r := replayed(t, replayGate, func(o *ReplayOptions) { o.Prometheus, o.Releases = url, []Release{w} })
		if len(r) != 1 || r[0].Verdict != Passed || r[0].Outcome != Given {
			t.Errorf("%+v", r)
		}
	})
	t.Run("before anything was recorded", func(t *testing.T) {
		r := replayed(t, replayGate, func(o *ReplayOptions) {
			o.Prometheus, o.Releases = url, []Release{{Start: minute(-90), End: minute(-80), Hash: "bbbb", Stable: "aaaa"}}
		})
		if r[0].Verdict != Inconclusive || r[0].Reason != ReasonNoData {
			t.Errorf("%+v", r)
		}
	})
}

func TestReplay_BadInput(t *testing.T) {
	f, err := gatefile.Parse([]byte(replayGate))
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]ReplayOptions{
		"there is no gate file":                {Rollout: "apps/shop"},
		`input rollout is "shop"`:              {Rollout: "shop", Gate: f},
		"input prometheus is ":                 {Rollout: "apps/shop", Gate: f},
		"kubeconfig nowhere cannot be read":    {Rollout: "apps/shop", Gate: f, Prometheus: "service:a/b:80", Kubeconfig: "nowhere"},
		"Prometheus at http://127.0.0.1:1 doe": {Rollout: "apps/shop", Gate: f, Prometheus: "http://127.0.0.1:1"},
	} {
		code := exit.BadInput
		if o.Prometheus == "http://127.0.0.1:1" {
			code = exit.Inconclusive
		}
		o.Log = func(string, ...any) {}
		if _, err := Replay(t.Context(), o); exit.Code(err) != code || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, s := range []string{"", "a/b", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z/2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z/a/b/c"} {
		if r, err := ParseRelease(s); err == nil {
			t.Errorf("%q: %+v", s, r)
		}
	}
}

func TestReleasesOf(t *testing.T) {
	// up is the moments between two minutes, as history finds them.
	up := func(spans ...float64) (out []time.Time) {
		for i := 0; i < len(spans); i += 2 {
			for m := spans[i]; m <= spans[i+1]; m += historyStep.Minutes() {
				out = append(out, minute(m))
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		up   map[string][]time.Time
		want string
	}{
		"nothing":                 {nil, ""},
		"one that was there":      {map[string][]time.Time{"a": up(0, 100)}, ""},
		"a first one":             {map[string][]time.Time{"a": up(10, 100)}, ""},
		"promoted":                {map[string][]time.Time{"a": up(0, 30), "b": up(20, 100)}, "b for a 20-30 promoted"},
		"taken back":              {map[string][]time.Time{"a": up(0, 100), "b": up(20, 25)}, "b for a 20-25 taken back"},
		"under way":               {map[string][]time.Time{"a": up(0, 100), "b": up(90, 100)}, "b for a 90-100 under way"},
		"a short silence":         {map[string][]time.Time{"a": up(0, 22, 26, 100), "b": up(20, 22, 26, 30)}, "b for a 20-30 taken back"},
		"replaced in the middle":  {map[string][]time.Time{"a": up(0, 40), "b": up(20, 26), "c": up(25, 100)}, "b for a 20-26 taken back, c for a 25-40 promoted"},
		"released again":          {map[string][]time.Time{"a": up(0, 100), "b": up(20, 25, 50, 55)}, "b for a 20-25 taken back, b for a 50-55 taken back"},
		"rolled back to an older": {map[string][]time.Time{"a": up(0, 30, 60, 100), "b": up(20, 70)}, "b for a 20-30 promoted, a for b 60-70 promoted"},
	} {
		var got []string
		for _, r := range releasesOf(c.up, epoch, minute(100)) {
			got = append(got, fmt.Sprintf("%s for %s %g-%g %s", r.Hash, r.Stable, r.Start.Sub(epoch).Minutes(), r.End.Sub(epoch).Minutes(), r.Outcome))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}
