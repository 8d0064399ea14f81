package builder

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/lab"
)

// The push of docker itself meets a registry that fails: what the words are that it
// fails with, only it can tell.
func TestBed_DockersPushMeetsFaults(t *testing.T) {
	bed := lab.Require(t)
	tool, err := Find(t.Context(), run.Exec{}, Search{Commands: Candidates(os.Getenv("PATH"))})
	if err != nil {
		t.Fatal(err)
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
		"a layer, cut":              {registrytest.Fault{On: registrytest.Chunk, Times: 1, Do: registrytest.CutUpload(20_000)}, ""},
		"denied":                    {registrytest.Fault{On: registrytest.Start, Do: registrytest.Denied()}, "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			s := registrytest.Before(t, "http://"+bed.Registry)
			s.Fail(c.fault)
			var log bytes.Buffer
			ref := s.Host + "/builder-faults/app:v1"
			img, err := Build(t.Context(), run.Exec{}, tool, Options{Context: unique(t), Refs: []string{ref}, Push: true, Log: &log})
			t.Cleanup(func() { _, _ = run.Exec{}.Run(t.Context(), run.Cmd{Name: tool.CLI, Args: []string{"rmi", "--", ref}}) })
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
