package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/judge"
)

// evaluation is one value with its conditions.
type evaluation struct {
	Success string          `json:"success"`
	Failure string          `json:"failure"`
	Result  json.RawMessage `json:"result"`
}

// measurement is what Argo Rollouts would write of it.
type measurement struct {
	Phase judge.Outcome `json:"phase"`
	Error string        `json:"error,omitempty"`
}

func (e evaluation) evaluate() (measurement, error) {
	if len(e.Result) == 0 {
		return measurement{}, errors.New("there is no result to evaluate")
	}
	value, err := judge.ParseValue(e.Result)
	if err != nil {
		return measurement{}, err
	}
	phase, err := judge.Evaluate(e.Success, e.Failure, value)
	m := measurement{Phase: phase}
	if err != nil {
		m.Error = err.Error()
	}
	return m, nil
}

func (p *program) gateEval() *cobra.Command {
	var success, failure, result string
	return p.ask(question{
		use: "eval", short: "Say what Argo Rollouts makes of one measured value under a success and a failure condition",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&success, "success", "", "success condition, such as result[0] < 0.05")
			cmd.Flags().StringVar(&failure, "failure", "", "failure condition")
			cmd.Flags().StringVar(&result, "result", "", `the value as JSON: 0.5, "NaN", [1, "+Inf"], []`)
		},
		single: func(*program) (any, string, error) {
			m, err := evaluation{success, failure, json.RawMessage(result)}.evaluate()
			if err != nil {
				return nil, "", exit.BadInputf("flag --result: %w", err)
			}
			text := string(m.Phase)
			if m.Error != "" {
				text += ": " + m.Error
			}
			return m, text, nil
		},
		line: func(line []byte) (any, error) {
			var e evaluation
			if err := decodeLine(line, &e); err != nil {
				return nil, err
			}
			return e.evaluate()
		},
	})
}

func (p *program) gateMeasure() *cobra.Command {
	var path, name, sequence string
	return p.ask(question{
		use: "measure", short: "Say how a metric stands after each of a sequence of measurements under its count and limits",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&path, "metric", "", "file with a metric, or an AnalysisTemplate that holds it; - for standard input")
			cmd.Flags().StringVar(&name, "name", "", "name of the metric in an AnalysisTemplate with several")
			cmd.Flags().StringVar(&sequence, "sequence", "", "the measurements: S successful, F failed, I inconclusive, E error")
		},
		single: func(p *program) (any, string, error) {
			if path == "" {
				return nil, "", exit.BadInputf("give --metric, or --batch")
			}
			text, err := p.document("metric", path)
			if err != nil {
				return nil, "", err
			}
			metric, err := gatefile.FindMetric(text, name)
			if err != nil {
				return nil, "", exit.BadInputf("flag --metric: %s: %w", path, err)
			}
			s, err := judge.Follow(metric, sequence)
			if err != nil {
				return nil, "", exit.BadInputf("flag --sequence: %w", err)
			}
			var b bytes.Buffer
			for i, phase := range s.Phases {
				fmt.Fprintf(&b, "%c %s\n", sequence[i], phase)
			}
			fmt.Fprintf(&b, "final %s, stopped now %s", s.Final, s.Stopped)
			for _, note := range []string{s.Message, s.Invalid} {
				if note != "" {
					fmt.Fprintf(&b, "\n%s", note)
				}
			}
			return s, b.String(), nil
		},
		line: func(line []byte) (any, error) {
			var q struct {
				Metric   json.RawMessage `json:"metric"`
				Sequence string          `json:"sequence"`
			}
			if err := decodeLine(line, &q); err != nil {
				return nil, err
			}
			if len(q.Metric) == 0 || string(q.Metric) == "null" {
				return nil, errors.New("there is no metric to measure")
			}
			metric, err := gatefile.FindMetric(q.Metric, "")
			if err != nil {
				return nil, err
			}
			return judge.Follow(metric, q.Sequence)
		},
	})
}
