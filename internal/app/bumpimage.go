package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/action/bumpimage"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/spec"
)

// bumpImage writes new images into the infra repository.
func bumpImage(ctx context.Context, rt *Runtime, in spec.Values) error {
	limit := in.Duration("timeout")
	ctx, cancel := context.WithTimeoutCause(ctx, limit, exit.Inconclusivef("not done after %s: raise the timeout, or see what holds git up", limit))
	defer cancel()

	res, err := bumpimage.Run(ctx, bumpimage.Options{
		Repository: in.String("repository"),
		Branch:     in.String("branch"),
		Directory:  in.String("directory"),
		Images:     in.List("images"),
		Message:    in.String("message"),
		Author:     in.String("author"),
		Token:      in.String("token"),
		Push:       in.Bool("push"),
		DryRun:     in.Bool("dry-run"),
		Runner:     run.Exec{Environ: rt.Environ()},
		Progress:   rt.Progress,
		Log:        rt.Log,
	})
	if err != nil {
		return err
	}
	rt.Output("changed", strconv.FormatBool(res.Changed))
	rt.Output("commit", res.Commit)
	rt.Output("branch", res.Branch)
	rt.Output("old", strings.Join(res.Old, "\n"))
	rt.Output("new", strings.Join(res.New, "\n"))
	rt.Output("files", strings.Join(res.Files, "\n"))
	rt.Output("diff", res.Diff)
	rt.Output("attempts", strconv.Itoa(res.Attempts))

	said := bumpSentence(res, in.Bool("dry-run"))
	rt.Progress(said)
	rt.Summary(bumpSummary(said, in.String("directory"), res))
	return nil
}

func bumpSentence(res bumpimage.Result, dryRun bool) string {
	now := strings.Join(res.New, ", ")
	switch {
	case !res.Changed:
		return fmt.Sprintf("unchanged: %s runs %s already", res.Branch, now)
	case dryRun:
		return fmt.Sprintf("dry run: %s would run %s", res.Branch, now)
	}
	return fmt.Sprintf("commit %.12s on %s runs %s", res.Commit, res.Branch, now)
}

func bumpSummary(said, directory string, res bumpimage.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### bump-image: `%s`\n\n%s\n", directory, said)
	if !res.Changed {
		return b.String()
	}
	// A fence longer than any run of backticks in the manifests.
	fence := "```"
	for strings.Contains(res.Diff, fence) {
		fence += "`"
	}
	fmt.Fprintf(&b, "\n<details><summary>What changes in the manifests</summary>\n\n%sdiff\n%s%s\n\n</details>\n", fence, res.Diff, fence)
	return b.String()
}
