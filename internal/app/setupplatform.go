package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/spec"
)

// setupPlatform stands the platform up.
func setupPlatform(ctx context.Context, rt *Runtime, in spec.Values) error {
	o, err := platformInputs(rt, in)
	if err != nil {
		return err
	}
	if in.Bool("dry-run") {
		p, err := setupplatform.Plan(ctx, o)
		if err != nil {
			return err
		}
		rt.Progress(p.Table())
		rt.Output("changed", "false")
		return nil
	}
	limit := in.Duration("timeout")
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the platform is not up after %s", limit))
	defer cancel()

	sinceEnd := stopwatch(ctx)

	console := watch(rt, &o)
	res, err := setupplatform.Run(ctx, o)
	console.Close()
	if len(res.Steps) > 0 {
		told := tellPlatform(rt, o, res, err)
		if err == nil || !disk.IsFull(err) { // else it is the same disk once more
			err = errors.Join(err, told)
		}
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = exit.Inconclusivef("%w", err) // out of time, which has a code of its own
	}
	if err != nil {
		if len(res.Steps) > 0 {
			_ = tellCluster(rt, res) // steps that look for the cause want it; there may be none yet
		}
		return diagnose(ctx, rt, o, res, err, sinceEnd())
	}
	if err := tellCluster(rt, res); err != nil {
		return err
	}
	rt.Output("seconds", strconv.FormatFloat(res.End.Sub(res.Start).Seconds(), 'f', 1, 64))
	rt.Output("changed", strconv.FormatBool(res.Changed()))
	rt.Output("kind-subnet", res.Values["kind-net-subnet"])
	rt.Output("infra-subnet", res.Values["infra-net-subnet"])
	endpoints, err := json.Marshal(res.Plan.Endpoints(o.Name))
	if err != nil {
		return fmt.Errorf("write the endpoints: %w", err)
	}
	rt.Output("endpoints", string(endpoints))
	rt.Output("prometheus-url", res.Plan.PrometheusURL())
	rt.Output("registry", res.Values[setupplatform.RegistryValue])
	return nil
}

// tellCluster leads the steps that follow to the cluster, if there is one.
func tellCluster(rt *Runtime, res setupplatform.Result) error {
	kubeContext := ""
	if res.Kubeconfig != "" {
		var err error
		if kubeContext, err = apply.CurrentContext(res.Kubeconfig); err != nil {
			return err
		}
		rt.Setenv("KUBECONFIG", res.Kubeconfig)
	}
	rt.Output("kubeconfig", res.Kubeconfig)
	rt.Output("context", kubeContext)
	return nil
}

// tellPlatform writes the reports of a run, however it ended.
func tellPlatform(rt *Runtime, o setupplatform.Options, res setupplatform.Result, failure error) error {
	r := res.Report(failure)
	showReport(rt, r)
	data, err := report.JSON(r)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for _, f := range []struct {
		output, name string
		text         []byte
	}{{"report", "report.html", report.HTML(r)}, {"report-json", "report.json", data}} {
		path := filepath.Join(o.StateDir, f.name)
		if err := disk.WriteFile(path, f.text); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		rt.Output(f.output, path)
	}
	return nil
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
