package bumpimage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
)

// bumpByHand is what workflows do without this action: clone, edit, commit, push. The edit is
// free of charge here; the command line of kustomize would add its start.
func bumpByHand(t testing.TB, s *gitServer) {
	dir := filepath.Join(t.TempDir(), "clone")
	command(t, ".", "clone", "--quiet", "--depth=1", s.url, dir)
	file := filepath.Join(dir, devFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tag := "by-hand-" + time.Now().Format("150405.000000000")
	lines := strings.Split(string(text), "\n")
	lines[4] = "  newTag: " + tag
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, dir, "commit", "--quiet", "--all", "--message=bump")
	command(t, dir, "push", "--quiet", "origin", "main")
}

// On an infra repository of 5,000 files a bump by the API moves a tenth of the bytes at most, with
// the proof, and fewer round trips.
func TestBump_AgainstACloneOfFiveThousandFiles(t *testing.T) {
	files := infra(5000)
	hub, s := forgetest.New(t, files), newGitServer(t, files, 0)
	bumpByHand(t, s)
	trips, octets := s.requests.Load(), s.octets.Load()
	mustRun(t, apiOptions(hub, "reg.example/app:v2"))
	ours := hub.Received + hub.Sent
	t.Logf("by hand: %d requests, %d bytes; by API: %d requests, %d bytes", trips, octets, len(hub.Requests), ours)
	if ours*10 > octets || int64(len(hub.Requests)) >= trips {
		t.Errorf("by API %d requests and %d bytes, by hand %d and %d", len(hub.Requests), ours, trips, octets)
	}
}

// The three ways on the same 5,000 files, 20 ms away.
func BenchmarkBump(b *testing.B) {
	const latency = 20 * time.Millisecond
	files := infra(5000)
	image := func(i int) string {
		return "reg.example/app:v2-" + string(rune('a'+i%26)) + time.Now().Format("150405.000000000")
	}
	b.Run("api", func(b *testing.B) {
		hub := forgetest.New(b, files)
		hub.Latency = latency
		for i := 0; b.Loop(); i++ {
			mustRun(b, apiOptions(hub, image(i)))
		}
		b.ReportMetric(float64(len(hub.Requests))/float64(b.N), "requests/op")
		b.ReportMetric(float64(hub.Received+hub.Sent)/float64(b.N), "bytes/op")
	})
	for name, bump := range map[string]func(*gitServer, int){
		"git":     func(s *gitServer, i int) { mustRun(b, gitOptions(s, image(i))) },
		"by-hand": func(s *gitServer, _ int) { bumpByHand(b, s) },
	} {
		b.Run(name, func(b *testing.B) {
			s := newGitServer(b, files, latency)
			for i := 0; b.Loop(); i++ {
				bump(s, i)
			}
			b.ReportMetric(float64(s.requests.Load())/float64(b.N), "requests/op")
			b.ReportMetric(float64(s.octets.Load())/float64(b.N), "bytes/op")
		})
	}
}
