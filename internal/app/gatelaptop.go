package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/spec"
)

// canaryGate is the action's command with those below it that watch no Rollout.
func (p *program) canaryGate() *cobra.Command {
	cmd := p.action(spec.CanaryGate, canaryGate)
	cmd.AddCommand(p.gateExplain(), p.gateEval(), p.gateMeasure(), p.gateLint(), p.gateReplay())
	return cmd
}

// The commands below canary-gate that need no cluster: they answer what a saved
// object means and what Argo Rollouts would make of a value or a sequence. An
// answer is exit code 0 whatever it is; only a question that cannot be answered
// is an error.

// question is one command that answers questions: a single one out of its flags,
// or, with --batch, one in each line of its standard input.
type question struct {
	use, short string
	flags      func(*cobra.Command)
	single     func(p *program) (any, string, error) // the answer as data and as text
	line       func(line []byte) (any, error)
}

func (p *program) ask(q question) *cobra.Command {
	var output string
	var batch bool
	cmd := p.command(q.use, q.short, func(_ context.Context, _ *Runtime, _ []string) error {
		if output != "text" && output != "json" {
			return exit.BadInputf("flag --output is %q: it must be text or json", output)
		}
		if batch {
			return answerLines(p.stdin, p.stdout, q.line)
		}
		answer, text, err := q.single(p)
		if err != nil {
			return err
		}
		if output == "json" {
			return encode(p.stdout, answer)
		}
		return p.gha.Text(text + "\n")
	})
	q.flags(cmd)
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	cmd.Flags().BoolVar(&batch, "batch", false, "read one question in each line of standard input as JSON, and write one line of JSON for each")
	return cmd
}

// encode writes one line of JSON, with < and > as they are.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// answerLines answers JSON Lines in order, each by one line. One that cannot be
// answered, a blank one too, gets {"error": …} and does not stop those after it.
func answerLines(in io.Reader, out io.Writer, answer func([]byte) (any, error)) error {
	r, w := bufio.NewReaderSize(in, 1<<16), bufio.NewWriter(out)
	for {
		line, end := r.ReadBytes('\n')
		if len(line) > 0 {
			a, err := answer(bytes.TrimSpace(line))
			if err != nil {
				a = map[string]string{"error": err.Error()}
			}
			if err := encode(w, a); err != nil {
				return err
			}
		}
		if errors.Is(end, io.EOF) {
			return w.Flush()
		}
		if end != nil {
			return fmt.Errorf("read standard input: %w", end)
		}
	}
}

// decodeLine reads one line of a batch.
func decodeLine(line []byte, into any) error {
	err := json.Unmarshal(line, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case len(line) == 0:
		return errors.New("the line is empty")
	case errors.As(err, &wrong) && wrong.Field == "":
		return fmt.Errorf("the line is a JSON %s and no object", wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("%s must not be a JSON %s", wrong.Field, wrong.Value)
	case err != nil:
		return fmt.Errorf("the line is no JSON: %w", err)
	}
	return nil
}

// document reads a YAML or JSON file, or standard input for "-".
func (p *program) document(flag, path string) ([]byte, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(p.stdin)
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, exit.BadInputf("flag --%s: %w", flag, err)
	}
	text, err = yaml.YAMLToJSON(text)
	if err != nil {
		return nil, exit.BadInputf("flag --%s: %s is neither YAML nor JSON: %w", flag, path, decode.Plain(err))
	}
	return text, nil
}
