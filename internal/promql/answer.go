package promql

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// sample is Prometheus' pair of a time and a value: [1700000000.1, "0.5"].
type sample Point

// UnmarshalJSON reads the pair.
func (s *sample) UnmarshalJSON(b []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a sample has %d parts, not 2", len(pair))
	}
	var seconds float64
	if err := json.Unmarshal(pair[0], &seconds); err != nil {
		return err
	}
	s.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	var text string
	if err := json.Unmarshal(pair[1], &text); err != nil {
		return err
	}
	var err error
	s.Value, err = strconv.ParseFloat(text, 64)
	return err
}

// parse reads the body of an answer.
func parse(body []byte) (Result, error) {
	var answer struct {
		Status    string   `json:"status"`
		ErrorType string   `json:"errorType"`
		Error     string   `json:"error"`
		Warnings  []string `json:"warnings"`
		Data      struct {
			ResultType Kind            `json:"resultType"`
			Result     json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Result{}, fmt.Errorf("read the answer: %w", err)
	}
	switch answer.Status {
	case "success":
	case "error":
		return Result{}, &QueryError{Type: answer.ErrorType, Message: answer.Error}
	default:
		return Result{}, fmt.Errorf("it has no status")
	}

	r := Result{Kind: answer.Data.ResultType, Values: []float64{}, Warnings: answer.Warnings}
	switch r.Kind {
	case Scalar:
		var one sample
		if err := json.Unmarshal(answer.Data.Result, &one); err != nil {
			return Result{}, fmt.Errorf("read a scalar: %w", err)
		}
		r.Values = append(r.Values, one.Value)
	case Vector:
		var series []struct{ Value *sample }
		if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
			return Result{}, fmt.Errorf("read a vector: %w", err)
		}
		for _, s := range series {
			if s.Value == nil { // a native histogram
				return Result{}, &QueryError{Type: "unsupported", Message: "the query gives a histogram, which has no single value"}
			}
			r.Values = append(r.Values, s.Value.Value)
		}
	case Matrix:
		var series []struct {
			Metric map[string]string
			Values []sample
		}
		if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
			return Result{}, fmt.Errorf("read a matrix: %w", err)
		}
		for _, s := range series {
			one := Series{Labels: s.Metric}
			for _, v := range s.Values {
				r.Values = append(r.Values, v.Value)
				one.Points = append(one.Points, Point(v))
			}
			r.Series = append(r.Series, one)
		}
	default:
		return Result{}, &QueryError{Type: "unsupported", Message: fmt.Sprintf("the query gives a %s, which cannot be judged", r.Kind)}
	}
	return r, nil
}
