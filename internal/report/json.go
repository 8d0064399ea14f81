package report

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// JSON returns the report as data. Times are RFC 3339, spans are seconds, a gap
// in a series is null.
func JSON(r Report) ([]byte, error) {
	start, end := r.span()
	doc := jsonReport{
		Title: r.Title, Verdict: r.Verdict, Status: r.Status,
		Start: optional(start), End: optional(end), Seconds: end.Sub(start).Seconds(),
		Facts: []jsonFact{}, Steps: []jsonStep{},
	}
	for _, f := range r.Facts {
		doc.Facts = append(doc.Facts, jsonFact(f))
	}
	for _, s := range r.Steps {
		doc.Steps = append(doc.Steps, jsonStep{
			Name: s.Name, Lane: s.Lane, Status: s.Status, Detail: s.Detail, Needs: s.Needs,
			Start: optional(s.Start), End: optional(s.End), Seconds: s.Took().Seconds(),
		})
	}
	for _, c := range r.Charts {
		doc.Charts = append(doc.Charts, newJSONChart(c))
	}
	for _, s := range r.Sections {
		doc.Sections = append(doc.Sections, jsonSection{Title: s.Title, Text: s.Text, Header: s.Table.Header, Rows: s.Table.Rows, Log: s.Log})
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	return append(b, '\n'), err
}

// ParseSteps reads the steps back from what [JSON] wrote, so that a report of
// several commands can show what went on inside of each.
func ParseSteps(data []byte) ([]Step, error) {
	var doc jsonReport
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read a report: %w", err)
	}
	steps := make([]Step, len(doc.Steps))
	for i, s := range doc.Steps {
		steps[i] = Step{Name: s.Name, Lane: s.Lane, Status: s.Status, Detail: s.Detail, Needs: s.Needs, Start: known(s.Start), End: known(s.End)}
	}
	return steps, nil
}

type jsonReport struct {
	Title    string        `json:"title"`
	Verdict  string        `json:"verdict"`
	Status   Status        `json:"status"`
	Start    *time.Time    `json:"start,omitempty"`
	End      *time.Time    `json:"end,omitempty"`
	Seconds  float64       `json:"seconds"`
	Facts    []jsonFact    `json:"facts"`
	Steps    []jsonStep    `json:"steps"`
	Charts   []jsonChart   `json:"charts,omitempty"`
	Sections []jsonSection `json:"sections,omitempty"`
}

type jsonFact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type jsonStep struct {
	Name    string     `json:"name"`
	Lane    string     `json:"lane,omitempty"`
	Status  Status     `json:"status"`
	Detail  string     `json:"detail,omitempty"`
	Needs   []string   `json:"needs,omitempty"`
	Start   *time.Time `json:"start,omitempty"`
	End     *time.Time `json:"end,omitempty"`
	Seconds float64    `json:"seconds"`
}

type jsonChart struct {
	Title  string       `json:"title"`
	Unit   string       `json:"unit,omitempty"`
	Limit  *jsonLimit   `json:"limit,omitempty"`
	Series []jsonSeries `json:"series"`
	Bands  []jsonBand   `json:"bands,omitempty"`
	Marks  []jsonMark   `json:"marks,omitempty"`
}

type jsonLimit struct {
	Name    string   `json:"name"`
	Value   *float64 `json:"value"`
	AtLeast bool     `json:"atLeast,omitempty"`
}

type jsonBand struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Name  string    `json:"name"`
}

type jsonSeries struct {
	Name   string      `json:"name"`
	Points []jsonPoint `json:"points"`
}

type jsonPoint struct {
	Time  time.Time `json:"time"`
	Value *float64  `json:"value"`
}

type jsonMark struct {
	Time time.Time `json:"time"`
	Name string    `json:"name"`
}

type jsonSection struct {
	Title  string     `json:"title"`
	Text   string     `json:"text,omitempty"`
	Header []string   `json:"header,omitempty"`
	Rows   [][]string `json:"rows,omitempty"`
	Log    string     `json:"log,omitempty"`
}

func newJSONChart(c Chart) jsonChart {
	out := jsonChart{Title: c.Title, Unit: c.Unit, Series: []jsonSeries{}}
	if c.Limit != nil {
		out.Limit = &jsonLimit{c.Limit.Name, finite(c.Limit.Value), c.Limit.AtLeast}
	}
	for _, s := range c.Series {
		series := jsonSeries{Name: s.Name, Points: []jsonPoint{}}
		for _, p := range s.Points {
			series.Points = append(series.Points, jsonPoint{p.Time, finite(p.Value)})
		}
		out.Series = append(out.Series, series)
	}
	for _, b := range c.Bands {
		out.Bands = append(out.Bands, jsonBand(b))
	}
	for _, m := range c.Marks {
		out.Marks = append(out.Marks, jsonMark(m))
	}
	return out
}

// finite returns nil for what JSON has no number for.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func known(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
