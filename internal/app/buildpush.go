package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/action/buildpush"
	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/imagetag"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/internal/spec"
)

// buildPush runs the action of that name.
func buildPush(ctx context.Context, rt *Runtime, in spec.Values) error {
	limit := in.Duration("timeout")
	ctx, cancel := context.WithTimeoutCause(ctx, limit, exit.Inconclusivef("not done after %s: raise input timeout, or see the build's log for what is slow", limit))
	defer cancel()

	features, err := buildFeatures(rt, in)
	if err != nil {
		return err
	}
	signs, err := signing(rt, in)
	if err != nil {
		return err
	}
	log := &sayWriter{rt: rt}
	result, err := buildpush.Run(ctx, buildpush.Options{
		Image:              in.String("image"),
		Tags:               in.List("tags"),
		Flavor:             in.List("flavor"),
		Event:              event(rt),
		Fork:               fork(rt),
		Context:            in.String("context"),
		File:               in.String("file"),
		Target:             in.String("target"),
		BuildArgs:          in.List("build-args"),
		Labels:             in.List("labels"),
		Annotations:        in.List("annotations"),
		Levels:             words(in.List("annotation-levels")),
		Features:           features,
		Push:               in.Bool("push"),
		Merge:              in.List("merge"),
		Sign:               signs,
		Credentials:        registry.Credentials{Username: in.String("username"), Password: in.String("password")},
		AlwaysBuild:        in.Bool("always-build"),
		Epoch:              in.String("source-date-epoch"),
		RewriteTimestamp:   in.Bool("rewrite-timestamp"),
		VerifyReproducible: in.Bool("verify-reproducible"),

		Docker:    builder.Candidates(rt.Getenv("PATH")),
		Plugin:    builder.Plugin(dockerConfig(rt), rt.Getenv),
		API:       &docker.Engine{Getenv: rt.Getenv},
		ConfigDir: dockerConfig(rt),
		Runner:    run.Exec{Environ: rt.Environ()},
		Progress:  rt.Progress,
		BuildLog:  log,
		Log:       rt.Log,
	})
	for _, w := range result.Warnings {
		rt.Warning(w)
	}
	if r := result.Report(err); len(r.Steps) > 0 {
		rt.Summary(report.Markdown(r))
		if err := writeReport(in.String("report-dir"), r, func() ([]byte, error) { return report.JSON(r) }); err != nil {
			rt.Warning(err.Error())
		}
	}
	if err != nil {
		return err
	}
	rt.Output("image-ref", result.Ref())
	rt.Output("image", result.Image)
	rt.Output("digest", result.Digest)
	rt.Output("tags", strings.Join(result.Refs(), "\n"))
	rt.Output("labels", strings.Join(result.Labels, "\n"))
	rt.Output("annotations", strings.Join(result.Annotations, "\n"))
	rt.Output("built", strconv.FormatBool(result.Built))
	rt.Output("content-key", result.Content.Value)
	rt.Output("size", size(result))
	rt.Output("metadata", string(result.Metadata))
	rt.Output("image-id", result.ImageID)
	rt.Progress(result.Report(nil).Verdict)
	return nil
}

// size is empty where the registry was not asked.
func size(r buildpush.Result) string {
	if r.Digest == "" {
		return ""
	}
	return strconv.FormatInt(r.Manifest.Size, 10)
}

// event is what GitHub tells of why the job runs; zero elsewhere.
func event(rt *Runtime) imagetag.Event {
	e := imagetag.Event{Name: rt.Getenv("GITHUB_EVENT_NAME"), Ref: rt.Getenv("GITHUB_REF"), SHA: rt.Getenv("GITHUB_SHA"), BaseRef: rt.Getenv("GITHUB_BASE_REF")}
	if repository := rt.Getenv("GITHUB_REPOSITORY"); repository != "" {
		e.Repository.Name = path.Base(repository)
		if server := rt.Getenv("GITHUB_SERVER_URL"); server != "" {
			e.Repository.URL = server + "/" + repository
		}
	}
	about := payload(rt) // without it, the rules that need the default branch make no tag
	e.DefaultBranch, e.Number = about.Repository.DefaultBranch, about.Number
	e.Repository.Description, e.Repository.License = about.Repository.Description, about.Repository.License.SPDX
	if e.BaseRef == "" {
		e.BaseRef = about.BaseRef
	}
	return e
}

// fork reports whether a pull request from a fork is why the job runs. Of the events of
// pull requests, pull_request_target alone has a token that may write.
func fork(rt *Runtime) bool {
	about, event := payload(rt), rt.Getenv("GITHUB_EVENT_NAME")
	from := about.PullRequest.Head.Repo.FullName
	return from != "" && from != rt.Getenv("GITHUB_REPOSITORY") && strings.HasPrefix(event, "pull_request") && event != "pull_request_target"
}

// details are what is read of the event's payload.
type details struct {
	BaseRef     string `json:"base_ref"`
	Number      int    `json:"number"`
	PullRequest struct {
		Head struct {
			Repo struct {
				FullName string `json:"full_name"`
			} `json:"repo"`
		} `json:"head"`
	} `json:"pull_request"`
	Repository struct {
		DefaultBranch string `json:"default_branch"`
		Description   string `json:"description"`
		License       struct {
			SPDX string `json:"spdx_id"`
		} `json:"license"`
	} `json:"repository"`
}

// payload is the event's; zero where there is none that can be read.
func payload(rt *Runtime) (d details) {
	raw, err := os.ReadFile(rt.Getenv("GITHUB_EVENT_PATH"))
	if err != nil || json.Unmarshal(raw, &d) != nil {
		return details{}
	}
	return d
}

// dockerConfig is the directory of Docker's configuration, by Docker's own rule.
func dockerConfig(rt *Runtime) string {
	if dir := rt.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	if home := rt.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".docker")
	}
	return ""
}

// sayWriter prints foreign text as it comes, line by line; none of it can be a
// command to the runner. It is given whole lines.
type sayWriter struct{ rt *Runtime }

func (w *sayWriter) Write(b []byte) (int, error) {
	w.rt.Progress(string(bytes.TrimRight(b, "\n")))
	return len(b), nil
}
