package builder

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

func engineAPI() *docker.Engine { return &docker.Engine{Host: os.Getenv("DOCKER_HOST")} }

// Where there is no docker command at all, the engine itself builds and pushes.
func TestBed_EngineWithoutADockerCommand(t *testing.T) {
	bed := buildkit.New(t)
	tool, err := Find(t.Context(), run.Exec{}, Search{API: engineAPI()})
	if err != nil || tool.Mode != Engine || tool.Engine == "" {
		t.Fatalf("%+v, %v", tool, err)
	}
	b := newBedBuild(t, bed, map[string]string{
		"Dockerfile": "FROM scratch\nCOPY . /wrong/\n", ".dockerignore": "ignored\nDockerfile\n", "kept": "k", "ignored": "i",
	})
	b.tool = tool
	b.o.Dockerfile = "FROM " + shell + " AS build\nARG WHO\nRUN echo $WHO >/who; ulimit -n >/limit; grep -c madeup /etc/hosts >/hosts\n" +
		"FROM scratch\nLABEL a=b\nCOPY . /context/\nCOPY --from=build /who /limit /hosts /\n"
	b.o.BuildArgs, b.o.Labels = []string{"WHO=me=you"}, []string{"team=shop"}
	b.o.Ulimits, b.o.AddHosts, b.o.ShmSize = []string{"nofile=1234:1234"}, []string{"madeup:192.0.2.1"}, "8m"
	img := b.build(t)
	ref, err := name.ParseReference(strings.Split(b.o.Refs[0], ":")[0] + ":" + strings.Split(b.o.Refs[0], ":")[1] + "@" + img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"who": "me=you\n", "limit": "1234\n", "hosts": "1\n", "context/kept": "k", "context/ignored": "", "context/Dockerfile": "", "context/" + addedDockerfile: ""} {
		if got := file(t, image, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	config, err := image.ConfigFile()
	if err != nil || config.Config.Labels["team"] != "shop" {
		t.Errorf("labels %v, %v", config.Config.Labels, err)
	}
	if !strings.Contains(b.log.String(), "Step ") || !strings.Contains(b.log.String(), "pushing ") {
		t.Errorf("the log tells too little: %s", b.log.String())
	}

	b.o.Dockerfile = "FROM " + shell + "\nRUN exit 3\n"
	if _, err := Build(t.Context(), run.Exec{}, tool, b.o); err == nil || !strings.Contains(err.Error(), "returned a non-zero code: 3") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	b.o.CacheTo = []string{"type=gha"}
	if err := tool.Suits(b.o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "input cache-to needs buildx, and there is only a Docker engine") {
		t.Errorf("%v", err)
	}
}
