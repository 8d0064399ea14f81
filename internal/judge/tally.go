package judge

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
)

// Measurement is one value with what the condition said of it.
type Measurement struct {
	Time    time.Time
	Text    string  // the whole result: "[0.01]"; empty when the query failed
	Value   float64 // its first value, for a chart; NaN when there is none
	Outcome Outcome
	Message string // for outcomes that need an explanation
}

// long matches a number with more digits than anybody reads.
var long = regexp.MustCompile(`-?\d+\.\d{5,}`)

// Short is the result for people, with five digits of each number.
func (m Measurement) Short() string {
	return long.ReplaceAllStringFunc(m.Text, func(text string) string {
		v, err := strconv.ParseFloat(text, 64)
		switch {
		case err != nil:
			return text
		case math.Abs(v) >= 1e5:
			return strconv.FormatFloat(v, 'f', 0, 64)
		}
		return strconv.FormatFloat(v, 'g', 5, 64)
	})
}

// Limits say how many measurements make a verdict.
type Limits struct {
	Successful int // measurements that must be good for a pass; at least 1
	Failed     int // measurements that may fail; one more is a no
	Unanswered int // measurements in a row without an answer that are put up with at the end
}

// Ruling is what the measurements say together.
type Ruling int

// The rulings of [Rule].
const (
	More  Ruling = iota // not enough yet: measure on
	Good                // enough good measurements, and the last one is good
	Bad                 // too many failed
	Never               // no answer to be had
)

func (r Ruling) String() string { return [...]string{"more", "good", "bad", "never"}[r] }

// Tally is the number of measurements by how they ended.
type Tally struct{ Successful, Failed, Unanswered int }

// Count tallies measurements.
func Count(ms []Measurement) Tally {
	var t Tally
	for _, m := range ms {
		switch m.Outcome {
		case Successful:
			t.Successful++
		case Failed:
			t.Failed++
		default:
			t.Unanswered++
		}
	}
	return t
}

// Rule says what the measurements, oldest first, mean together, with half a
// sentence that explains it.
//
// Too many failures count at once. Everything else counts only when the release
// is at its end (end is when it was seen to be; zero means not yet): good needs
// enough good measurements of which the last was taken after that moment, so
// that a release is judged by what runs now and not by how it began.
func Rule(ms []Measurement, limits Limits, end time.Time) (Ruling, string) {
	t := Count(ms)
	if t.Failed > limits.Failed {
		return Bad, fmt.Sprintf("%d of %d measurements failed (%d may), the last of them with %s", t.Failed, len(ms), limits.Failed, lastFailed(ms).Short())
	}
	progress := fmt.Sprintf("%d of %d good measurements", t.Successful, limits.Successful)
	if t.Successful >= limits.Successful {
		progress = fmt.Sprintf("%d good measurements, none of them at the end yet", t.Successful)
	}
	if end.IsZero() || len(ms) == 0 {
		return More, progress
	}
	last := ms[len(ms)-1]
	if last.Time.Before(end) {
		return More, progress
	}
	if last.Outcome == Successful && t.Successful >= max(limits.Successful, 1) {
		return Good, fmt.Sprintf("%d of %d measurements are good, the last with %s", t.Successful, len(ms), last.Short())
	}
	if n := unansweredSince(ms, end); n > limits.Unanswered {
		return Never, fmt.Sprintf("%d measurements in a row have no answer: %s", n, last.Message)
	}
	return More, progress
}

func lastFailed(ms []Measurement) Measurement {
	for i := len(ms) - 1; i >= 0; i-- {
		if ms[i].Outcome == Failed {
			return ms[i]
		}
	}
	return Measurement{}
}

// unansweredSince counts the measurements without an answer at the end of the
// list, as far back as the moment: data may appear only with the last pods.
func unansweredSince(ms []Measurement, moment time.Time) int {
	n := 0
	for i := len(ms) - 1; i >= 0 && !ms[i].Time.Before(moment); i-- {
		if ms[i].Outcome == Successful || ms[i].Outcome == Failed {
			break
		}
		n++
	}
	return n
}
