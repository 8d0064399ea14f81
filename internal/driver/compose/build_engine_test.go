package compose

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	dockerimage "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
)

// brought gives a user's component and its platform, as a run makes them: described,
// with its generated credentials.
func brought(t *testing.T, d *Driver, files map[string]string) (string, catalog.Component, engine.Env) {
	t.Helper()
	root := workdir(t, files)
	c := users(root, "compose.yml")
	e := platform(t, d, c)
	e.StateDir, e.Values, e.Secrets, e.Mask, e.Warn = t.TempDir(), map[string]string{}, map[string]string{}, func(string) {}, func(string) {}
	described, err := d.Describe(t.Context(), c, e)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range described.Secrets {
		e.Secrets[name] = password
	}
	return root, described, e
}

// turn is what a run does for the component: every build, then the component.
func turn(t *testing.T, d *Driver, c catalog.Component, e engine.Env) (builds []engine.Outcome, out engine.Outcome) {
	t.Helper()
	start := time.Now()
	for _, b := range c.Builds {
		out, err := d.Build(t.Context(), c, b.Name, e)
		if err != nil {
			t.Fatal(err)
		}
		builds = append(builds, out)
	}
	built := time.Since(start)
	out, err := d.Apply(t.Context(), c, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("builds %v in %s, the rest %s in %s", builds, built.Round(time.Millisecond), out, (time.Since(start) - built).Round(time.Millisecond))
	return builds, out
}

// prints is what a service's container prints.
func prints(t *testing.T, cli *client.Client, project, service string) string {
	t.Helper()
	cs, err := containers(t.Context(), cli, project)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range cs {
		if s.service == service {
			return strings.TrimPrefix(lastWords(t.Context(), cli, s), ": ")
		}
	}
	t.Fatalf("there is no %s", service)
	return ""
}

const buildFile = `
services:
  web:
    build:
      context: ./web
      target: final
      args: {GREETING: "${GREETING:-hello}", REGION: }
    command: [sh, -c, "cat /greeting /page; exec sleep 600"]
    restart: unless-stopped
  job:
    image: hyt-named/job:1
    build:
      context: ./web
      dockerfile_inline: |
        FROM docker.io/library/redis:7.0.15
        COPY page /page
        CMD ["sh", "-c", "echo job says; cat /page"]
    restart: "no"
`

func TestEngine_BuildsWhatTheFilesSay(t *testing.T) {
	d, cli := onEngine(t, redisImage)
	remove := func(name string) {
		_, _ = cli.ImageRemove(context.Background(), name, dockerimage.RemoveOptions{Force: true, PruneChildren: true})
	}
	t.Cleanup(func() { remove("hyt-named/job:1") })
	root, c, e := brought(t, d, map[string]string{
		"compose.yml": buildFile,
		"web/Dockerfile": `
FROM docker.io/library/redis:7.0.15 AS base
ARG GREETING
ARG REGION
ENV GREETING=$GREETING REGION=$REGION
COPY page /page
FROM base AS final
COPY greeting /greeting
FROM base AS other
COPY nothing /
`,
		"web/page": "page 1\n", "web/greeting": "welcome\n", "web/unused": "x", "web/.dockerignore": "unused\n",
	})
	e.Environ = map[string]string{"REGION": "eu"}
	if len(c.Images) != 0 || len(c.Builds) != 2 {
		t.Fatalf("pulls %v, builds %v", c.Images, c.Builds)
	}
	same := func(want ...engine.Outcome) {
		t.Helper()
		builds, out := turn(t, d, c, e)
		if got := append(builds, out); len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("job, web and the component: %v, want %v", got, want)
		}
	}
	same(engine.Created, engine.Created, engine.Created)
	project := ProjectName(e.Name, c.Name)
	if got := prints(t, cli, project, "web"); got != "welcome | page 1" {
		t.Errorf("web prints %q", got)
	}
	if got := prints(t, cli, project, "job"); got != "job says | page 1" {
		t.Errorf("job prints %q", got)
	}
	web, err := cli.ImageInspect(t.Context(), project+"-web")
	if err != nil || !strings.Contains(strings.Join(web.Config.Env, " "), "GREETING=hello REGION=eu") {
		t.Errorf("build arguments: %v, %v", web.Config.Env, err)
	}
	same(engine.Unchanged, engine.Unchanged, engine.Unchanged)

	// What the build does not see changes nothing, what it sees is what runs.
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, "web", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("unused", "y")
	same(engine.Unchanged, engine.Unchanged, engine.Unchanged)
	write("greeting", "good day\n")
	same(engine.Unchanged, engine.Configured, engine.Configured)
	if got := prints(t, cli, project, "web"); got != "good day | page 1" {
		t.Errorf("after the change web prints %q", got)
	}

	// An image that is gone when the component starts is built then.
	remove("hyt-named/job:1")
	if _, err := d.Apply(t.Context(), c, e); err != nil {
		t.Errorf("without its image: %v", err)
	}
	bystander, err := cli.ContainerCreate(t.Context(), &container.Config{Image: redisImage}, nil, nil, nil, "hyt-bystander")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.ContainerRemove(context.Background(), bystander.ID, forced) })
	if out, err := d.Remove(t.Context(), c, e); err != nil || out != engine.Removed {
		t.Fatalf("remove: %s, %v", out, err)
	}
	if out, err := d.Remove(t.Context(), c, e); err != nil || out != engine.Unchanged {
		t.Errorf("a second time: %s, %v", out, err)
	}
	left, err := cli.ImageList(t.Context(), dockerimage.ListOptions{Filters: platformFilter(e.Name)})
	if err != nil || len(left) != 0 {
		t.Errorf("images left: %v, %v", left, err)
	}
	for _, name := range []string{"hyt-named/job:1", redisImage} {
		if id, err := imageID(t.Context(), cli, name); err != nil || id == "" {
			t.Errorf("%s is gone, and is the user's: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(e.StateDir); len(entries) != 0 {
		t.Errorf("left in the state directory: %v", entries)
	}
}

func TestEngine_AFailedBuildSaysWhereAndWhy(t *testing.T) {
	d, _ := onEngine(t, redisImage)
	for _, tt := range []struct {
		name, dockerfile string
		want             []string
	}{
		{"a step", "FROM docker.io/library/redis:7.0.15\\nRUN echo compiling && echo no such package >&2 && exit 3\\n",
			[]string{"exit 3", "exit code: 3: no such package"}},
		{"a file", "FROM docker.io/library/redis:7.0.15\\nCOPY nothing /\\n", []string{"nothing", "not found"}},
		{"a Dockerfile", "FROM scratch\\nCOPPY a b\\n", []string{"unknown instruction: COPPY"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, c, e := brought(t, d, map[string]string{"compose.yml": "services:\n  db: {image: x}\n  web:\n    build:\n      context: .\n      dockerfile_inline: \"" + tt.dockerfile + "\"\n"})
			_, err := d.Build(t.Context(), c, "web", e)
			if err == nil || !strings.HasPrefix(err.Error(), "compose.yml:4: build of service web: ") || strings.Contains(err.Error(), "\n") || engine.IsTransient(err) {
				t.Fatalf("got %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
			t.Log(err)
		})
	}
}

// A secret reaches the step that asks for it and is nowhere in the image.
func TestEngine_BuildSecretsStayOutOfTheImage(t *testing.T) {
	d, cli := onEngine(t, redisImage)
	_, c, e := brought(t, d, map[string]string{"compose.yml": `
services:
  web:
    build:
      context: .
      dockerfile_inline: |
        FROM docker.io/library/redis:7.0.15
        RUN --mount=type=secret,id=api sha256sum /run/secrets/api | cut -c1-64 > /sum
      secrets: [{source: api_token, target: api}]
    command: [sh, -c, "cat /sum; exec sleep 600"]
    restart: unless-stopped
secrets: {api_token: {file: ./api_token}}
`})
	turn(t, d, c, e)
	project := ProjectName(e.Name, c.Name)
	if got := prints(t, cli, project, "web"); got != digest(password) {
		t.Errorf("the build saw a secret with digest %q, want %s", got, digest(password))
	}
	history, err := cli.ImageHistory(t.Context(), project+"-web")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range history {
		if strings.Contains(h.CreatedBy, password) {
			t.Errorf("the history shows the secret: %s", h.CreatedBy)
		}
	}
	if _, out := turn(t, d, c, e); out != engine.Unchanged {
		t.Errorf("a second time: %s", out)
	}
}
