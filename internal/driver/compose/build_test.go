package compose

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/buildx/util/progress"
	"github.com/docker/docker/client"
	bclient "github.com/moby/buildkit/client"
	godigest "github.com/opencontainers/go-digest"

	"github.com/buenhyden/hy-home/internal/docker"
)

// built is a project whose services are built in every way there is.
var built = map[string]string{
	"compose.yml": `
services:
  web:
    build:
      context: ./web
      dockerfile: Dockerfile.prod
      target: final
      args: {LEVEL: "${LEVEL:-high}", REGION: }
      secrets: [{source: key, target: web_key}]
      additional_contexts: {base: "service:base", files: ./files}
      labels: {team: shop}
      tags: [acme/web:extra]
      ulimits: {nofile: 100}
  job: {image: "acme/job:1", build: ./web, restart: "no"}
  twin: {image: "acme/job:1"}
  base: {build: {context: ., dockerfile_inline: FROM scratch}}
  cached: {image: "acme/cached:1", pull_policy: missing, build: ./not-checked-out}
secrets: {key: {file: ./key}}
`,
	"web/Dockerfile": "FROM scratch\n", "web/Dockerfile.prod": "FROM scratch AS final\n",
	"files/a": "a", "key": "k3y",
}

func loadBuilt(t *testing.T) *userProject {
	t.Helper()
	root := workdir(t, built)
	e := usersEnv(t)
	e.Environ = map[string]string{"REGION": "eu"}
	u, err := loadUser(t.Context(), users(root, "compose.yml"), e)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestBuild_TakesTheSectionsOutOfTheProject(t *testing.T) {
	u := loadBuilt(t)
	for name, want := range map[string]string{"web": "hyt-user-compose-web", "job": "acme/job:1", "twin": "acme/job:1", "cached": "acme/cached:1"} {
		if s := u.Services[name]; s.Build != nil || s.Image != want || s.PullPolicy != types.PullPolicyNever {
			t.Errorf("%s: image %q, build %v, pull_policy %q", name, s.Image, s.Build, s.PullPolicy)
		}
	}
	if got := u.images(); len(got) != 0 {
		t.Errorf("%q would be pulled, and are in no registry", got)
	}
	var order []string
	for _, b := range u.described() {
		order = append(order, b.Name+strings.Join(b.Needs, "+"))
	}
	if want := []string{"base", "cached", "job", "webbase"}; !slices.Equal(order, want) {
		t.Errorf("builds %q, want %q", order, want)
	}
	findings, err := u.lint(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if strings.Contains(f.Text, "no fixed version") {
			t.Errorf("an image that is built here cannot change by itself: %s", f)
		}
	}
}

func TestBuild_OptionsSayWhatTheSectionSays(t *testing.T) {
	u := loadBuilt(t)
	var masked []string
	u.env.Mask = func(s string) { masked = append(masked, s) }
	cli, err := client.NewClientWithOpts(client.WithHost("tcp://127.0.0.1:1"), client.WithVersion(docker.MinAPI))
	if err != nil {
		t.Fatal(err)
	}
	dockerCLI, err := newCLI(cli, u.env)
	if err != nil {
		t.Fatal(err)
	}
	b := u.builds["web"]
	o, err := u.buildOptions(dockerCLI, b)
	if err != nil {
		t.Fatal(err)
	}
	root := u.given.Root
	if o.Inputs.ContextPath != filepath.Join(root, "web") || o.Inputs.DockerfilePath != filepath.Join(root, "web/Dockerfile.prod") || o.Target != "final" {
		t.Errorf("inputs %+v, target %s", o.Inputs, o.Target)
	}
	if want := map[string]string{"LEVEL": "high", "REGION": "eu"}; !maps.Equal(o.BuildArgs, want) {
		t.Errorf("args %v", o.BuildArgs)
	}
	if got := o.Inputs.NamedContexts; got["base"].Path != "docker-image://hyt-user-compose-base" || got["files"].Path != filepath.Join(root, "files") {
		t.Errorf("contexts %v", got)
	}
	if !slices.Equal(o.Tags, []string{"hyt-user-compose-web", "acme/web:extra"}) || o.Labels["team"] != "shop" || o.Labels[docker.PlatformLabel] != "hyt" {
		t.Errorf("tags %q, labels %v", o.Tags, o.Labels)
	}
	if len(o.Session) != 2 || !slices.Equal(masked, []string{"k3y"}) || len(o.Ulimits.GetList()) != 1 {
		t.Errorf("%d parts of the session, masked %q, limits %v", len(o.Session), masked, o.Ulimits.GetList())
	}
	named, err := u.buildOptions(dockerCLI, u.builds["job"])
	if err != nil || named.Labels[docker.PlatformLabel] != "" {
		t.Errorf("an image with a name of the user's would go with the platform: %v, %v", named.Labels, err)
	}
	inline, err := u.buildOptions(dockerCLI, u.builds["base"])
	if err != nil || inline.Inputs.DockerfileInline != "FROM scratch" || inline.Inputs.DockerfilePath != "" {
		t.Errorf("%+v, %v", inline.Inputs, err)
	}
}

func TestBuildLog_TellsStepsAndKeepsTheLastWords(t *testing.T) {
	var said []string
	l := &buildLog{say: func(s string) { said = append(said, s) }}
	var _ progress.Writer = l
	one, two := godigest.FromString("1"), godigest.FromString("2")
	now := time.Now()
	started := func(d godigest.Digest, name string) *bclient.Vertex {
		return &bclient.Vertex{Digest: d, Name: name, Started: &now}
	}
	l.Write(&bclient.SolveStatus{Vertexes: []*bclient.Vertex{started(one, "[1/2] FROM a"), started(one, "[1/2] FROM a"), started(godigest.FromString("3"), "[internal] load")}})
	l.Write(&bclient.SolveStatus{Vertexes: []*bclient.Vertex{started(two, "[2/2] RUN make")}})
	for _, part := range []string{"compi", "ling\n 10%\r 90%\n", "make: *** no", " rule"} {
		l.Write(&bclient.SolveStatus{Logs: []*bclient.VertexLog{{Vertex: two, Data: []byte(part)}, {Vertex: one, Data: []byte("else\n")}}})
	}
	l.Write(&bclient.SolveStatus{Vertexes: []*bclient.Vertex{{Digest: two, Name: "[2/2] RUN make", Error: "exit code: 2"}}})
	if got := l.explain("exit code: 2"); got != "exit code: 2: make: *** no rule" {
		t.Errorf("got %q", got)
	}
	want := []string{"[1/2] FROM a", "[2/2] RUN make", "else", "compiling", "90%", "else", "else", "else", "make: *** no rule"}
	slices.Sort(want)
	slices.Sort(said)
	if !slices.Equal(said, want) {
		t.Errorf("said %q\nwant %q", said, want)
	}
}

// A command in an error must not be taken for a fault of the network.
func TestBuild_AFailedStepIsFinal(t *testing.T) {
	for text, again := range map[string]bool{
		`failed to solve: process "/bin/sh -c timeout 5 make" did not complete successfully: exit code: 124`:                                          false,
		`failed to solve: rpc error: code = Unknown desc = executor failed running [/bin/sh -c wait-for --timeout 5]: exit code: 1`:                   false,
		"failed to solve: redis:7: failed to resolve source metadata: failed to do request: Head https://registry-1.docker.io: i/o timeout":           true,
		"failed to solve: redis:7: failed to resolve source metadata for docker.io/library/redis:7: docker.io/library/redis:7: not found":             false,
		"failed to solve: failed to copy: write /var/lib/docker/tmp/x: no space left on device (after a connection reset by peer, which was retried)": false,
	} {
		if got := passesBuild(errors.New(text)); got != again {
			t.Errorf("%s: tried again: %v", text, got)
		}
	}
	if got := plainBuild("failed to solve with frontend dockerfile.v0: failed to build LLB: executor failed running [x]: exit code: 1"); got != "executor failed running [x]: exit code: 1" {
		t.Errorf("got %q", got)
	}
}

// Of a step that fails, what it said of that counts, whichever of its two streams
// the builder read last.
func TestBuildLog_WhatWentWrongGoesBeforeWhatWasDone(t *testing.T) {
	out, err := &bclient.VertexLog{Vertex: "b", Stream: 1, Data: []byte("compiling\n")}, &bclient.VertexLog{Vertex: "b", Stream: stderr, Data: []byte("no such package\n")}
	half := &bclient.VertexLog{Vertex: "b", Stream: 1, Data: []byte("compil")}
	for _, logs := range [][]*bclient.VertexLog{{out, err}, {err, out}, {half, err, {Vertex: "b", Stream: 1, Data: []byte("ing\n")}}} {
		l := &buildLog{say: func(string) {}}
		l.Write(&bclient.SolveStatus{Logs: logs})
		l.Write(&bclient.SolveStatus{Vertexes: []*bclient.Vertex{{Digest: "b", Error: "exit code: 3"}}})
		if got := l.explain("exit code: 3"); got != "exit code: 3: no such package" {
			t.Errorf("got %q", got)
		}
	}
	l := &buildLog{say: func(string) {}}
	l.Write(&bclient.SolveStatus{Logs: []*bclient.VertexLog{out}, Vertexes: []*bclient.Vertex{{Digest: "b", Error: "exit code: 3"}}})
	if got := l.explain("exit code: 3"); got != "exit code: 3: compiling" {
		t.Errorf("got %q", got)
	}
}
