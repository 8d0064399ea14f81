package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/action/setupplatform"
	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/spec"
	"github.com/buenhyden/hy-home/internal/workspace"
)

// setupPlatform stands the platform up.
func setupPlatform(ctx context.Context, rt *Runtime, in spec.Values) error {
	o, err := platformOptions(rt, in.String("name"), in.String("state-dir"))
	if err != nil {
		return err
	}
	if o.Catalog, err = withOwn(o.Catalog, in.String("catalog-dir")); err != nil {
		return err
	}
	o.Profile = in.String("profile")
	if o.Choice, err = catalog.ParseChoice(words(in.List("components")), words(in.List("sizes"))); err != nil {
		return err
	}
	o.Cluster = in.String("cluster")
	o.ClusterKubeconfig, o.ClusterContext = in.String("cluster-kubeconfig"), in.String("cluster-context")
	if err := externalData(&o, in); err != nil {
		return err
	}
	if o.SealedKeys, err = sealedKeys(in.String("sealed-secrets-key-file")); err != nil {
		return err
	}
	o.NodeImage = in.String("node-image")
	o.ProofImage = in.String("proof-image")
	o.RegistryMirror = in.String("registry-mirror")
	o.DockerUsername, o.DockerPassword = in.String("docker-username"), in.String("docker-password")
	o.Prefetch = in.Bool("prefetch")
	if o.ChartDir, err = chartDir(in.String("chart-dir")); err != nil {
		return err
	}
	if o.Lock, err = chosenLock(in.String("lock-file")); err != nil {
		return err
	}
	if o.Concurrency, err = strconv.Atoi(in.String("concurrency")); err != nil || o.Concurrency < 1 {
		return exit.BadInputf("concurrency %q is no number of 1 or more", in.String("concurrency"))
	}
	if o.Files, err = ownFiles(in); err != nil {
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

	console := newConsole(rt)
	o.Observe = console.Observe
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
		return diagnose(ctx, rt, o, res, err, sinceEnd())
	}
	kubeContext := ""
	if res.Kubeconfig != "" {
		if kubeContext, err = apply.CurrentContext(res.Kubeconfig); err != nil {
			return err
		}
		rt.Setenv("KUBECONFIG", res.Kubeconfig)
	}
	rt.Output("kubeconfig", res.Kubeconfig)
	rt.Output("context", kubeContext)
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

// words takes lines of several words apart: "+kafka -airflow" is one line to write.
func words(lines []string) []string { return strings.Fields(strings.Join(lines, " ")) }

// chartDir is the input of that name: a directory that is there, or none.
func chartDir(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", exit.BadInputf("chart-dir %q is no directory", dir)
	}
	return filepath.Abs(dir)
}

// ownFiles are the inputs that name files of the user's.
func ownFiles(in spec.Values) (workspace.Files, error) {
	root, err := os.Getwd()
	if err != nil {
		return workspace.Files{}, fmt.Errorf("find the working directory: %w", err)
	}
	return workspace.Files{
		Root:            root,
		ComposeFiles:    in.List("compose-files"),
		EnvFiles:        in.List("env-files"),
		ComposeProfiles: in.List("compose-profiles"),
		KindConfig:      in.String("kind-config"),
		ValuesDir:       in.String("values-dir"),
		ManifestsDir:    in.String("manifests-dir"),
	}, nil
}

// tellPlatform writes the reports of a run, however it ended.
func tellPlatform(rt *Runtime, o setupplatform.Options, res setupplatform.Result, failure error) error {
	r := res.Report(failure)
	rt.Summary(report.Markdown(r))
	data, err := report.JSON(r)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for name, text := range map[string][]byte{"json": data, "html": report.HTML(r)} {
		path := filepath.Join(o.StateDir, "report."+name)
		if err := disk.WriteFile(path, text); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		rt.Output("report-"+name, path)
	}
	return nil
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
