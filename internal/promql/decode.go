package promql

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// sample is Prometheus' pair of a time and a value: [1700000000.1, "0.5"].
type sample float64

// UnmarshalJSON reads the pair and keeps the value.
func (s *sample) UnmarshalJSON(b []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a sample has %d parts, not 2", len(pair))
	}
	var text string
	if err := json.Unmarshal(pair[1], &text); err != nil {
		return err
	}
	v, err := strconv.ParseFloat(text, 64)
	*s = sample(v)
	return err
}

// decode reads the body of an answer.
func decode(body []byte) (Result, error) {
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
		r.Values = append(r.Values, float64(one))
	case Vector:
		var series []struct{ Value *sample }
		if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
			return Result{}, fmt.Errorf("read a vector: %w", err)
		}
		for _, s := range series {
			if s.Value == nil { // a native histogram
				return Result{}, &QueryError{Type: "unsupported", Message: "the query gives a histogram, which has no single value"}
			}
			r.Values = append(r.Values, float64(*s.Value))
		}
	case Matrix:
		var series []struct{ Values []sample }
		if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
			return Result{}, fmt.Errorf("read a matrix: %w", err)
		}
		for _, s := range series {
			for _, v := range s.Values {
				r.Values = append(r.Values, float64(v))
			}
		}
	default:
		return Result{}, &QueryError{Type: "unsupported", Message: fmt.Sprintf("the query gives a %s, which cannot be judged", r.Kind)}
	}
	return r, nil
}
