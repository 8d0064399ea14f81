package bumpimage

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// byHand is what workflows do without this action: clone, kustomize edit, commit, push.
type byHand struct{ kustomize string }

func (h byHand) bump(t testing.TB, s *gittest.Server, tag string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	gittest.Git(t, ".", "clone", "--quiet", "--depth=1", s.URL, dir)
	h.edit(t, dir, tag)
	gittest.Git(t, dir, "push", "--quiet", "origin", "main")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

func (h byHand) edit(t testing.TB, dir, tag string) {
	t.Helper()
	cmd := exec.Command(h.kustomize, "edit", "set", "image", "reg.example/app=*:"+tag)
	cmd.Dir = filepath.Join(dir, devOverlay)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	gittest.Git(t, dir, "commit", "--quiet", "--all", "--message=bump")
}

// On an infra repository of 5,000 files a bump by the API moves a tenth of the bytes at most,
// the proof included. Of the round trips two are left, one to read and one to write under the
// condition that nothing has changed: docs/adr (a bump is an intent on a head) says why there
// is no way below.
func TestBump_AgainstACloneOfFiveThousandFiles(t *testing.T) {
	hand := byHand{testkit.Tool(t, "kustomize")}
	files := infra(5000)
	hub, s := forgetest.New(t, files), gittest.Serve(t, gittest.Bare(t, files))
	hand.bump(t, s, "v2")
	mustRun(t, apiOptions(hub, "reg.example/app:v2"))
	requests, bytes := int64(len(hub.Requests)), hub.Bytes.Load()
	t.Logf("by hand: %d connections, %d requests, %d bytes; by API: %d, %d, %d", s.Connections.Load(), s.Requests.Load(), s.Bytes.Load(), hub.Connections.Load(), requests, bytes)
	if requests != 2 || hub.Connections.Load() != 1 || bytes*10 > s.Bytes.Load() || requests*2 > s.Requests.Load() {
		t.Error("by API it is more than 2 requests, 1 connection, a tenth of the bytes or half of the requests by hand")
	}
}

// The three ways on the same 5,000 files, 20 ms away.
func BenchmarkBump(b *testing.B) {
	const latency = 20 * time.Millisecond
	files := infra(5000)
	fresh := func() string { return "v" + strconv.FormatInt(time.Now().UnixNano(), 36) }
	b.Run("api", func(b *testing.B) {
		hub := forgetest.New(b, files)
		hub.Latency = latency
		for b.Loop() {
			mustRun(b, apiOptions(hub, "reg.example/app:"+fresh()))
		}
		b.ReportMetric(float64(len(hub.Requests))/float64(b.N), "requests/op")
		b.ReportMetric(float64(hub.Bytes.Load())/float64(b.N), "bytes/op")
	})
	hand := byHand{testkit.Tool(b, "kustomize")}
	for name, bump := range map[string]func(*gittest.Server){
		"git":     func(s *gittest.Server) { mustRun(b, gitOptions(s.URL, "reg.example/app:"+fresh())) },
		"by-hand": func(s *gittest.Server) { hand.bump(b, s, fresh()) },
	} {
		b.Run(name, func(b *testing.B) {
			s := gittest.Serve(b, gittest.Bare(b, files))
			s.Latency = latency
			for b.Loop() {
				bump(s)
			}
			b.ReportMetric(float64(s.Requests.Load())/float64(b.N), "requests/op")
			b.ReportMetric(float64(s.Bytes.Load())/float64(b.N), "bytes/op")
		})
	}
}
