package app

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// saved is a Rollout with its AnalysisRuns as somebody saved them.
type saved struct {
	Rollout      map[string]any   `json:"rollout"`
	AnalysisRun  map[string]any   `json:"analysisRun"`
	AnalysisRuns []map[string]any `json:"analysisRuns"`
	Image        string           `json:"image"`
	Until        string           `json:"until"`
}

func (s saved) explain() (rollout.Explanation, error) {
	var want rollout.Expectation
	var err error
	if s.Image != "" {
		if want.Image, err = rollout.ParseImage(s.Image); err != nil {
			return rollout.Explanation{}, fmt.Errorf("image %q: %w", s.Image, err)
		}
	}
	if want.Until, err = rollout.ParseTarget(s.Until); err != nil {
		return rollout.Explanation{}, fmt.Errorf("until %q: %w", s.Until, err)
	}
	if s.AnalysisRun != nil {
		s.AnalysisRuns = append(s.AnalysisRuns, s.AnalysisRun)
	}
	if kind(s.Rollout) == "AnalysisRun" { // then that is what is asked about
		s.Rollout, s.AnalysisRuns = nil, append(s.AnalysisRuns, s.Rollout)
	}
	if k := kind(s.Rollout); k != "" && k != "Rollout" {
		return rollout.Explanation{}, fmt.Errorf("it is a %s: it must be a Rollout or an AnalysisRun", k)
	}
	var runs []rollout.Run
	for _, r := range s.AnalysisRuns {
		if k := kind(r); k != "" && k != "AnalysisRun" {
			return rollout.Explanation{}, fmt.Errorf("it is a %s where an AnalysisRun must be", k)
		}
		runs = append(runs, rollout.DecodeRun(r))
	}
	switch {
	case s.Rollout != nil:
		return rollout.Explain(rollout.Decode(s.Rollout), runs, want), nil
	case len(runs) == 1:
		return rollout.ExplainRun(runs[0]), nil
	}
	return rollout.Explanation{}, errors.New("there is neither a Rollout nor an AnalysisRun to explain")
}

// kind is what an object says that it is; a saved one may have lost it.
func kind(object map[string]any) string {
	k, _ := object["kind"].(string)
	return k
}

func (p *program) gateExplain() *cobra.Command {
	var path, image, until string
	var runs []string
	return p.ask(question{
		use: "explain", short: "Say what a saved Rollout or AnalysisRun means: its phase as Argo shows it, and the verdict",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&path, "rollout", "", "file with the Rollout as YAML or JSON, - for standard input")
			cmd.Flags().StringArrayVar(&runs, "analysis-run", nil, "file with an AnalysisRun of it; may be repeated")
			cmd.Flags().StringVar(&image, "image", "", "image that the revision must run; without it any will do")
			cmd.Flags().StringVar(&until, "until", "healthy", "how far it shall have come: healthy, paused or step:N")
		},
		single: func(p *program) (any, string, error) {
			s := saved{Image: image, Until: until}
			if path == "" && len(runs) == 0 {
				return nil, "", exit.BadInputf("give --rollout or --analysis-run, or --batch")
			}
			if path != "" {
				text, err := p.document("rollout", path)
				if err != nil {
					return nil, "", err
				}
				if err := json.Unmarshal(text, &s.Rollout); err != nil || s.Rollout == nil {
					return nil, "", exit.BadInputf("flag --rollout: %s holds no object", path)
				}
			}
			for _, path := range runs {
				text, err := p.document("analysis-run", path)
				if err != nil {
					return nil, "", err
				}
				var run map[string]any
				if err := json.Unmarshal(text, &run); err != nil || run == nil {
					return nil, "", exit.BadInputf("flag --analysis-run: %s holds no object", path)
				}
				s.AnalysisRuns = append(s.AnalysisRuns, run)
			}
			e, err := s.explain()
			if err != nil {
				return nil, "", exit.BadInputf("%w", err)
			}
			phase := e.Phase
			if e.Message != "" {
				phase += " (" + e.Message + ")"
			}
			return e, fmt.Sprintf("%s\n%s, %s: %s", phase, e.Verdict, e.Reason, e.Why), nil
		},
		line: func(line []byte) (any, error) {
			var s saved
			if err := decodeLine(line, &s); err != nil {
				return nil, err
			}
			return s.explain()
		},
	})
}
