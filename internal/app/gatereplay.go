package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/buenhyden/hy-home/internal/action/canarygate"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/report"
)

// gateReplay judges the releases of the past by a gate file.
func (p *program) gateReplay() *cobra.Command {
	var o canarygate.ReplayOptions
	var file, since, output, config string
	var windows []string
	cmd := p.command("replay", "Say which releases of the past a gate file would have stopped, by what Prometheus still knows of them",
		func(ctx context.Context, rt *Runtime, _ []string) error {
			if output != "text" && output != "json" {
				return exit.BadInputf("flag --output is %q: it must be text or json", output)
			}
			var err error
			if o.Since, err = parseSpan(since); err != nil {
				return exit.BadInputf("flag --since is %q: it must be a span such as 30d or 12h", since)
			}
			for _, w := range windows {
				r, err := canarygate.ParseRelease(w)
				if err != nil {
					return exit.BadInputf("flag --window is %q: %w", w, err)
				}
				o.Releases = append(o.Releases, r)
			}
			if o.Gate, err = readGateFile("flag --gate-file", file); err != nil {
				return err
			}
			headers := p.env.get("INPUT_PROMETHEUS_HEADERS")
			p.gha.Mask(headers)
			if o.Headers, err = parseHeaders(strings.FieldsFunc(headers, func(r rune) bool { return r == '\n' })); err != nil {
				return err
			}
			o.HTTPConfig = p.env.get("INPUT_PROMETHEUS_HTTP_CONFIG")
			p.gha.Mask(o.HTTPConfig)
			o.Kubeconfig, o.Log = kubeconfig(rt, config), rt.Log.Debug
			releases, err := canarygate.Replay(ctx, o)
			if err != nil {
				return err
			}
			if output == "json" {
				return encode(p.stdout, canarygate.ReplayJSON(o.Rollout, releases))
			}
			return p.gha.Text(report.Text(canarygate.ReplayReport(o.Rollout, releases), report.TextOptions{Width: 160}))
		})
	cmd.Long = cmd.Short + ".\n\nThe releases are found by what kube-state-metrics says of ReplicaSets, or named by --window. How to ask Prometheus goes into INPUT_PROMETHEUS_HEADERS and INPUT_PROMETHEUS_HTTP_CONFIG, as for the gate."
	f := cmd.Flags()
	f.StringVar(&o.Rollout, "rollout", "", "the Rollout as namespace/name")
	f.StringVar(&file, "gate-file", "", "the gate file to judge by")
	f.StringVar(&o.Prometheus, "prometheus", "", "URL, or service:namespace/name:port; the default is the gate file's")
	f.StringVar(&since, "since", "30d", "how far back releases are looked for")
	f.StringArrayVar(&windows, "window", nil, "a release as START/END/HASH/STABLE, the times as in 2026-11-23T10:00:00Z, in place of looking for them; the hashes may be left out if no query uses them; may be repeated")
	f.StringVar(&config, "kubeconfig", "", "path of a kubeconfig, for a Prometheus that is a Service")
	f.StringVar(&o.Context, "context", "", "context of the kubeconfig")
	f.StringVar(&output, "output", "text", "text or json")
	return cmd
}

// parseSpan reads a duration in Go's form, or whole days: 30d.
func parseSpan(s string) (time.Duration, error) {
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(s)
	}
	if err == nil && d <= 0 {
		err = errors.New("it is not positive")
	}
	return d, err
}
