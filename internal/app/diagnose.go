package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/diag"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/machine"
)

// answerWithin is how soon a signal is answered: the runner sends the next one
// 7.5 s after the first, and kills 2.5 s later. Reports and the way out need the
// margin.
const (
	answerWithin = 7 * time.Second
	answerMargin = 2 * time.Second
)

// gatherFor is the time that is left for diagnostics, so long after the signal.
func gatherFor(sinceEnd time.Duration) time.Duration {
	return max(answerWithin-answerMargin-sinceEnd, time.Second)
}

// stopwatch tells how long ago a context ended.
func stopwatch(ctx context.Context) func() time.Duration {
	ended := make(chan time.Time, 1)
	context.AfterFunc(ctx, func() { ended <- time.Now() })
	return func() time.Duration {
		select {
		case at := <-ended:
			return time.Since(at)
		default:
			return 0
		}
	}
}

// diagnose gathers what explains a failure, before anybody takes anything down,
// and says where it lies. Of a run that was cancelled it gathers what there is
// time for.
func diagnose(ctx context.Context, rt *Runtime, o setupplatform.Options, res setupplatform.Result, failure error, sinceEnd time.Duration) error {
	if len(res.Steps) == 0 {
		return failure // nothing was touched: the error says it all
	}
	c := diag.Case{
		Dir: filepath.Join(o.StateDir, "diagnostics"), Cause: failure,
		Steps: res.Steps, Components: res.Plan.Components, Drivers: o.Drivers, Env: res.Env,
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		c.Limit = gatherFor(sinceEnd)
	}
	// A connection of its own: the one in use may be what broke.
	engine := &docker.Engine{Getenv: rt.Getenv}
	defer engine.Close()
	var namespaces []string
	if res.Env.Shared {
		for _, component := range res.Plan.Components {
			if component.Namespace != "" {
				namespaces = append(namespaces, component.Namespace)
			}
		}
	}
	c.Sources = []diag.Source{
		diag.Kubernetes(res.Env.Kubeconfig, namespaces...),
		{Name: "docker", Collect: engine.Collect},
		{Name: "machine", Collect: machine.Collect("/", "/var/lib/docker", os.TempDir(), o.StateDir)},
	}
	if err := diag.Gather(context.WithoutCancel(ctx), c); err != nil {
		rt.Warning(err.Error())
	}
	rt.Output("diagnostics", c.Dir)
	rt.Progress("diagnostics: " + c.Dir)
	return failure
}
