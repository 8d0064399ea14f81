package app

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/buenhyden/hy-home/internal/action/canarygate"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/spec"
)

// canaryGate runs the action of that name.
func canaryGate(ctx context.Context, rt *Runtime, in spec.Values) error {
	result, err := canarygate.Run(ctx, canarygate.Options{
		Rollout:          in.String("rollout"),
		Image:            in.String("image"),
		Container:        in.String("container"),
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
		Abort:            in.Bool("abort"),
		Progress:         rt.Progress,
		Log:              rt.Log,
	})
	if err != nil {
		return err
	}
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
	rt.Output("measurements", strconv.Itoa(len(result.Measurements)))
	for _, w := range result.Warnings {
		rt.Warning(w)
	}
	rt.Summary(report.Markdown(result.Report()))
	if err := result.Err(); err != nil {
		return err
	}
	rt.Notice(result.Message)
	return nil
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
