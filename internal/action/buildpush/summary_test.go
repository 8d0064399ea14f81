package buildpush

import (
	"errors"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/buildlog"
	"github.com/buenhyden/hy-home/internal/contentkey"
	"github.com/buenhyden/hy-home/internal/registry"
	"github.com/buenhyden/hy-home/internal/report"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

func at(s float64) time.Time {
	return time.Unix(1_700_000_000, 0).UTC().Add(time.Duration(s * float64(time.Second)))
}

// pushed is a run with everything in it, foreign text too.
func pushed() Result {
	log := &buildlog.Log{}
	second := 2.0
	log.Now = func() time.Time { second += 0.5; return at(second) }
	for _, line := range []string{
		"#1 [internal] load build definition from Dockerfile", "#1 DONE 0.1s",
		"#2 [build 1/3] FROM localhost:5001/golang:1.26", "#2 DONE 0.0s",
		"#3 [build 2/3] COPY . /src", "#3 CACHED",
		"#4 [build 3/3] RUN go build | tee '<script>'", "#4 DONE 2.4s",
		"#5 [stage-1 1/1] COPY --from=build /out /out", "#5 DONE 0.1s",
		"#6 exporting to image", "#6 DONE 0.3s",
	} {
		_, _ = log.Write([]byte(line + "\n"))
	}
	return Result{
		Image: "localhost:5001/shop/backend", Tags: []string{"v1", "latest"}, Built: true, Digest: digest,
		Manifest: registry.Manifest{Digest: digest, Size: 20_300_000, Platforms: []string{"linux/amd64"}, Layers: []registry.Layer{
			{Digest: "sha256:1", Size: 20_000_000, By: "/bin/sh -c #(nop) ADD file:0123 in / "},
			{Digest: "sha256:2", Size: 290_000, By: "COPY /out /out # buildkit"},
			{Digest: "sha256:3", Size: 1_234, By: "RUN |1 A=1 /bin/sh -c echo hi # buildkit"},
		}},
		Content: contentkey.Key{Value: "0123abcd", Bases: []contentkey.Base{{Ref: "localhost:5001/golang:1.26", Digest: stored}}},
		Source:  Source{Revision: sha, URL: "https://github.com/acme/shop"},
		Tool:    builder.Tool{CLI: "docker", Version: "28.5.1", Engine: "28.0.4", Mode: builder.Buildx},
		steps: []step{
			{"find a builder", "buildx of docker 28.5.1, engine 28.0.4", nil, at(0), at(0.3), nil},
			{"look for the content", "not in the registry", nil, at(0.3), at(0.5), []string{"find a builder"}},
			{"ask for permission", "granted by localhost:5001", nil, at(0.5), at(0.6), []string{"look for the content"}},
			{"build and push", "2 tags pushed", nil, at(0.6), at(9), []string{"ask for permission"}},
			{"verify the digest", "the registry has it: linux/amd64", nil, at(9), at(9.1), []string{"build and push"}},
			{"remember the content", "content-0123abcd", nil, at(9.1), at(9.2), []string{"verify the digest"}},
		},
		log: log.Steps(),
	}
}

func TestResult_Report(t *testing.T) {
	golden.Compare(t, "built.md", report.Markdown(pushed().Report(nil)))

	reused := pushed()
	reused.Built, reused.log, reused.steps = false, nil, reused.steps[:2]
	reused.steps[1].detail = "the registry has it"
	reused.Manifest.Labels = map[string]string{"org.opencontainers.image.revision": "fedcba9876543210fedcba9876543210fedcba98"}
	golden.Compare(t, "reused.md", report.Markdown(reused.Report(nil)))

	failed := pushed()
	failed.Digest, failed.Manifest, failed.log = "", registry.Manifest{}, failed.log[:4]
	failed.log[3].Fault = "process \"/bin/sh -c go build\" did not complete successfully: exit code: 1"
	failed.steps = failed.steps[:4]
	failed.steps[3].err = errors.New("build .: process \"/bin/sh -c go build\" did not complete successfully: exit code: 1")
	golden.Compare(t, "failed.md", report.Markdown(failed.Report(failed.steps[3].err)))
}
