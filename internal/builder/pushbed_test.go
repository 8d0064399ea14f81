package builder

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
	"github.com/buenhyden/hy-home/testbed/lab"
)

// The pushes of docker, of buildx and of the engine itself meet a registry that fails:
// what the words are that they fail with, only they can tell.
func TestBed_PushesMeetFaults(t *testing.T) {
	pauses = [attempts - 1]time.Duration{}
	bed := lab.Require(t)
	find := func(t *testing.T, s Search) Tool {
		tool, err := Find(t.Context(), run.Exec{}, s)
		if err != nil {
			t.Fatal(err)
		}
		return tool
	}
	t.Run("docker", func(t *testing.T) {
		meetFaults(t, bed, find(t, Search{Commands: Candidates(os.Getenv("PATH"))}))
	})
	t.Run("engine", func(t *testing.T) { meetFaults(t, bed, find(t, Search{API: engineAPI()})) })
	t.Run("buildx", func(t *testing.T) {
		b := buildkit.New(t)
		b.Start(t)
		meetFaults(t, bed, find(t, Search{Commands: []string{b.Docker}}))
	})
}

func meetFaults(t *testing.T, bed lab.Lab, tool Tool) {
	layer := registrytest.Chunk
	if tool.Mode == Buildx { // which sends a layer whole
		layer = registrytest.Commit
	}
	for name, c := range map[string]struct {
		fault registrytest.Fault
		want  string // "" is that it was pushed
	}{
		"unknown blob":              {registrytest.Fault{On: registrytest.Manifest, Times: 1, Do: registrytest.UnknownBlob(404)}, ""},
		"503 for the manifest":      {registrytest.Fault{On: registrytest.Manifest, Times: 1, Do: registrytest.Status(503, "UNAVAILABLE", "service unavailable")}, ""},
		"502 of a load balancer":    {registrytest.Fault{On: registrytest.Manifest, Times: 1, Do: registrytest.Status(502, "", "")}, ""},
		"429":                       {registrytest.Fault{On: registrytest.Manifest, Times: 1, Do: registrytest.Status(429, "TOOMANYREQUESTS", "slow down")}, ""},
		"a manifest's answer, lost": {registrytest.Fault{On: registrytest.Manifest, Times: 1, Do: registrytest.CutAnswer(-1)}, ""},
		"a layer, cut":              {registrytest.Fault{On: layer, Times: 1, Do: registrytest.CutUpload(20_000)}, ""},
		"denied":                    {registrytest.Fault{On: registrytest.Start, Do: registrytest.Denied()}, "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.Before(t, "http://"+bed.Registry)
			s.Fail(c.fault)
			var log bytes.Buffer
			ref := s.Host + "/builder-faults/app:v1"
			img, err := Build(t.Context(), run.Exec{}, tool, Options{Context: unique(t), Refs: []string{ref}, Push: true, Log: &log})
			if tool.Mode != Buildx { // whose builder is gone with the test
				t.Cleanup(func() { removeImage(t, ref) })
			}
			switch {
			case c.want != "":
				if err == nil || !strings.Contains(err.Error(), c.want) || len(s.Asked(http.MethodPut, "/manifests/")) != 0 {
					t.Errorf("%v, want %q", err, c.want)
				}
				if n := len(s.Asked(http.MethodGet, "/v2/")); n > 10 {
					t.Errorf("a denial was met %d times", n)
				}
			case err != nil || img.Digest == "" || s.Left() != 0:
				t.Errorf("%+v, %v; %d faults were not met\n%s", img, err, s.Left(), log.String())
			default:
				if res, err := http.Head(s.URL + "/v2/builder-faults/app/manifests/" + img.Digest); err != nil || res.Body.Close() != nil {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func removeImage(t *testing.T, ref string) {
	engine := engineAPI()
	defer engine.Close()
	c, err := engine.Client(context.Background())
	if err == nil {
		_, err = c.ImageRemove(context.Background(), ref, image.RemoveOptions{})
	}
	if err != nil {
		t.Error(err)
	}
}

// unique is a context that no cache and no registry has.
func unique(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	random, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY data /data\n")
	write(t, filepath.Join(dir, "data"), strings.Repeat(string(random), 4096))
	return dir
}
