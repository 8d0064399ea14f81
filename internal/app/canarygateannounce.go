package app

import (
	"cmp"

	"github.com/buenhyden/hy-home/internal/action/canarygate"
	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/spec"
)

// announce reads where the verdict of canary-gate is shown beside the step.
func announce(rt *Runtime, in spec.Values) (*canarygate.Announcement, error) {
	a := &canarygate.Announcement{
		Kinds:       in.List("report-to"),
		Commit:      in.String("report-commit"),
		Name:        in.String("report-name"),
		Environment: in.String("report-environment"),
		URL:         cmp.Or(in.String("report-url"), rt.RunURL()),
		Strict:      in.Bool("report-required"),
	}
	if len(a.Kinds) == 0 {
		return a, nil
	}
	if err := a.Check(); err != nil {
		return nil, err
	}
	var err error
	a.GitHub, err = forge.New(forge.Options{
		API:        cmp.Or(in.String("api-url"), "https://api.github.com"),
		Repository: in.String("report-repository"),
		Token:      in.String("report-token"),
		Progress:   rt.Progress,
		Log:        rt.Log,
	})
	return a, err
}
