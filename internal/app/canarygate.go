package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/action/canarygate"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/spec"
)

// canaryGate runs the action of that name.
func canaryGate(ctx context.Context, rt *Runtime, in spec.Values) error {
	o, err := gateOptions(rt, in)
	if err != nil {
		return err
	}
	announcement, err := announce(rt, in)
	if err != nil {
		return err
	}
	if err := o.Check(); err != nil { // before anything is announced
		return err
	}
	if err := announcement.Begin(ctx, o.Rollout); err != nil {
		if announcement.Strict {
			return err
		}
		rt.Log.Debug("announce", "error", err) // the end tells, if it still cannot
	}
	result, err := canarygate.Run(ctx, o)
	unannounced := announcement.End(ctx, result, err)
	if unannounced != nil {
		rt.Warning(unannounced.Error())
	}
	if err != nil {
		return err
	}
	gateOutputs(rt, result)
	for _, w := range result.Warnings {
		rt.Warning(w)
	}
	shown := result.Report()
	rt.Summary(report.Markdown(shown))
	if err := writeReport(in.String("report-dir"), shown, result.JSON); err != nil {
		rt.Warning(err.Error())
	}
	if err := result.Err(); err != nil {
		return err
	}
	rt.Notice(result.Message)
	if announcement.Strict {
		return unannounced
	}
	return nil
}

// gateOptions maps the inputs to the options of canary-gate.
func gateOptions(rt *Runtime, in spec.Values) (canarygate.Options, error) {
	file, err := readGateFile("input gate-file", in.String("gate-file"))
	if err != nil {
		return canarygate.Options{}, err
	}
	headers, err := parseHeaders(in.List("prometheus-headers"))
	if err != nil {
		return canarygate.Options{}, err
	}
	return canarygate.Options{
		Rollout:          in.String("rollout"),
		Image:            in.String("image"),
		Container:        in.String("container"),
		ExpectRevision:   in.String("expect-revision"),
		Application:      in.String("application"),
		Kubeconfig:       kubeconfig(rt, in.String("kubeconfig")),
		Context:          in.String("context"),
		Prometheus:       in.String("prometheus"),
		Query:            in.String("query"),
		Condition:        in.String("condition"),
		FailureCondition: in.String("failure-condition"),
		Interval:         in.Duration("interval"),
		Measurements:     in.Int("measurements"),
		FailureLimit:     in.Int("failure-limit"),
		Timeout:          in.Duration("timeout"),
		AppearTimeout:    in.Duration("appear-timeout"),
		Gate:             file,
		Headers:          headers,
		HTTPConfig:       in.String("prometheus-http-config"),
		RequireAnalysis:  in.Bool("require-analysis"),
		Until:            in.String("until"),
		Grace:            in.Duration("pod-grace"),
		DeadlineGrace:    in.Duration("deadline-grace"),
		OnFail:           orAbort(in),
		OnPass:           in.String("on-pass"),
		Mask:             rt.Mask,
		Progress:         rt.Progress,
		Log:              rt.Log,
	}, nil
}

// gateOutputs sets the outputs of canary-gate; what was not seen is empty.
func gateOutputs(rt *Runtime, result canarygate.Result) {
	rt.Output("verdict", string(result.Verdict))
	rt.Output("reason", result.Reason)
	rt.Output("message", result.Message)
	rt.Output("image", result.Image)
	rt.Output("phase", result.Phase)
	rt.Output("revision", result.Revision)
	rt.Output("pod-hash", result.PodHash)
	rt.Output("step", fmt.Sprintf("%d/%d", result.Step, result.Steps))
	if result.Weight >= 0 {
		rt.Output("weight", strconv.FormatInt(result.Weight, 10))
	} else {
		rt.Output("weight", "")
	}
	rt.Output("value", result.LastValue())
	rt.Output("measurements", strconv.Itoa(result.Measured()))
	rt.Output("score", "")
	if result.Scored() {
		rt.Output("score", strconv.FormatFloat(result.Score, 'f', -1, 64))
	}
	rt.Output("failed-checks", strings.Join(result.FailedChecks(), ","))
	rt.Output("acted", result.Acted)
}

// orAbort is on-fail, or what the older input abort says.
func orAbort(in spec.Values) string {
	if in.Bool("abort") && in.String("on-fail") == "none" {
		return "abort"
	}
	return in.String("on-fail")
}

// readGateFile reads a gate file with the templates that it names, whose paths
// start at its own directory; name is that of the flag or input in messages.
func readGateFile(name, path string) (gatefile.File, error) {
	if path == "" {
		return gatefile.File{}, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return gatefile.File{}, exit.BadInputf("%s: %w", name, err)
	}
	f, err := gatefile.Parse(text)
	if err != nil {
		return gatefile.File{}, exit.BadInputf("%s: %s: %w", name, path, err)
	}
	for _, t := range f.Templates {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), t.File))
		if err == nil {
			err = f.Add(t, text)
		}
		if err != nil {
			return gatefile.File{}, exit.BadInputf("%s: %s: %w", name, path, err)
		}
	}
	return f, nil
}

// parseHeaders reads lines of the form Name: value. A fault does not quote the
// line, which may hold a token.
func parseHeaders(lines []string) (map[string]string, error) {
	out := map[string]string{}
	for i, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, exit.BadInputf("line %d of input prometheus-headers is no header: write Name: value", i+1)
		}
		out[name] = strings.TrimSpace(value)
	}
	return out, nil
}

// kubeconfig is the given path, else what kubectl would use.
func kubeconfig(rt *Runtime, given string) string {
	if given != "" {
		return given
	}
	if env := rt.Getenv("KUBECONFIG"); env != "" {
		return env
	}
	if home := rt.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".kube", "config")
	}
	return ""
}
