package app

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/action/bumpimage"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/spec"
)

// bumpImage writes new images into the infra repository.
func bumpImage(ctx context.Context, rt *Runtime, in spec.Values) error {
	limit := in.Duration("timeout")
	ctx, cancel := context.WithTimeoutCause(ctx, limit, exit.Inconclusivef("not done after %s: raise the timeout, or see what holds it up", limit))
	defer cancel()

	o, err := bumpOptions(rt, in)
	if err != nil {
		return err
	}
	res, err := bumpimage.Run(ctx, o)
	for _, w := range res.Warnings {
		rt.Warning(w)
	}
	if err != nil {
		return err
	}
	if o.Mode == bumpimage.PullRequest && (res.Operation == "created" || res.Operation == "updated") && rt.InActions() && strings.HasPrefix(o.Token, "ghs_") && o.Token == in.String("source-token") {
		rt.Warning("the pull request is " + res.Operation + " with the job's own token: GitHub starts no workflows for it; use the token of an App or a person")
	}
	said := bumpSentence(res, o)
	rt.Progress(said)
	if !rt.InActions() && !rt.JSON() {
		rt.Text(res.Diff) // a patch, as git diff prints one; the outputs are for programs
		return nil
	}
	if o.DryRun && rt.InActions() {
		rt.Foreign(res.Diff)
	}
	bumpOutputs(rt, res)
	if rt.InActions() {
		rt.Summary(bumpSummary(said, o.Paths, res))
	}
	return nil
}

func bumpOutputs(rt *Runtime, res bumpimage.Result) {
	number := ""
	if res.Number != 0 {
		number = strconv.Itoa(res.Number)
	}
	for _, out := range [][2]string{
		{"changed", strconv.FormatBool(res.Changed)}, {"operation", res.Operation},
		{"commit", res.Commit}, {"commit-sha", res.Commit}, {"branch", res.Branch},
		{"pr-number", number}, {"pr-url", res.URL},
		{"old", strings.Join(res.Old, "\n")}, {"new", strings.Join(res.New, "\n")},
		{"files", strings.Join(res.Files, "\n")}, {"diff", res.Rendered}, {"file-diff", res.Diff},
		{"verified", strconv.FormatBool(res.Verified)}, {"attempts", strconv.Itoa(res.Attempts)},
	} {
		rt.Output(out[0], out[1])
	}
}

func bumpOptions(rt *Runtime, in spec.Values) (bumpimage.Options, error) {
	paths := in.List("paths")
	if dir := in.String("directory"); dir != "" {
		if len(paths) > 0 {
			return bumpimage.Options{}, exit.BadInputf("input directory is %q and input paths is given as well: give one of the two", dir)
		}
		paths = []string{dir}
	}
	if in.Bool("allow-remote") {
		rt.hideInputs()
	}
	mode := in.String("mode")
	merge := ""
	if m := in.String("pr-auto-merge"); m != "off" {
		merge = strings.ToUpper(m)
	}
	note := in.String("source-note")
	if note == "none" {
		note = ""
	}
	return bumpimage.Options{
		Repository: in.String("repository"),
		Dir:        ".",
		Branch:     in.String("branch"),
		Paths:      paths,
		Images:     in.List("images"),
		Render:     in.List("render"),
		Mode:       mode,
		Backend:    in.String("backend"),
		Commit:     mode == bumpimage.Push && !in.Bool("push"),
		Blind:      in.String("verify") == "off",
		Remote:     in.Bool("allow-remote"),
		Strict:     in.Bool("strict"),
		DryRun:     in.Bool("dry-run"),
		Message:    in.String("message"),
		Author:     in.String("author"),
		SignOff:    in.Bool("signoff"),
		Token:      in.String("token"),
		API:        cmp.Or(in.String("api-url"), "https://api.github.com"),
		Downgrade:  in.Bool("allow-downgrade"),
		Pull: bumpimage.Pull{
			Branch: in.String("pr-branch"), Title: in.String("pr-title"), Body: in.String("pr-body"), Draft: in.Bool("pr-draft"),
			Extras: forge.Extras{
				Labels: in.List("pr-labels"), Reviewers: in.List("pr-reviewers"), TeamReviewers: in.List("pr-team-reviewers"),
				Assignees: in.List("pr-assignees"), Milestone: in.Int("pr-milestone"), AutoMerge: merge,
			},
		},
		Source: bumpimage.Source{
			Repository: in.String("source-repository"), Commit: in.String("source-commit"), Token: in.String("source-token"),
			RunURL: rt.RunURL(), Note: note,
		},
		Runner:   run.Exec{Environ: rt.Environ()},
		Progress: rt.Progress,
		Log:      rt.Log,
	}, nil
}

func bumpSentence(res bumpimage.Result, o bumpimage.Options) string {
	now := strings.Join(res.New, ", ")
	where := cmp.Or(res.Branch, "the checkout")
	switch {
	case res.Operation == "superseded" && res.Number != 0:
		return fmt.Sprintf("superseded: pull request %d proposes a newer image already: %s", res.Number, res.URL)
	case res.Operation == "superseded":
		return fmt.Sprintf("superseded: %s runs %s already, which is newer", where, strings.Join(res.Old, ", "))
	case res.Operation == "closed":
		return fmt.Sprintf("pull request %d is closed: %s runs %s already", res.Number, where, now)
	case o.DryRun && res.Changed:
		return fmt.Sprintf("dry run: %s would run %s", where, now)
	case res.Merged:
		return fmt.Sprintf("pull request %d is merged: %s runs %s: %s", res.Number, where, now, res.URL)
	case res.Number != 0:
		return fmt.Sprintf("pull request %d (%s) has %s: %s", res.Number, res.Operation, now, res.URL)
	case !res.Changed:
		return fmt.Sprintf("unchanged: %s runs %s already", where, now)
	case res.Operation == "written":
		return fmt.Sprintf("written: %s sets %s", strings.Join(res.Files, ", "), now)
	}
	return fmt.Sprintf("commit %.12s on %s runs %s", res.Commit, where, now)
}

func bumpSummary(said string, paths []string, res bumpimage.Result) string {
	var b strings.Builder
	said = report.Escape(said)
	if res.URL != "" {
		said = strings.ReplaceAll(said, report.Escape(res.URL), "<"+res.URL+">") // GitHub's own, to click on
	}
	fmt.Fprintf(&b, "### bump-image: %s\n\n%s\n", report.Escape(strings.Join(paths, ", ")), said)
	fold(&b, "What changes in the files", res.Diff)
	fold(&b, "What changes in the manifests", res.Rendered)
	return b.String()
}

func fold(b *strings.Builder, title, diff string) {
	if diff == "" {
		return
	}
	// A fence longer than any run of backticks in the text.
	fence := "```"
	for strings.Contains(diff, fence) {
		fence += "`"
	}
	fmt.Fprintf(b, "\n<details><summary>%s</summary>\n\n%sdiff\n%s%s\n\n</details>\n", title, fence, diff, fence)
}
