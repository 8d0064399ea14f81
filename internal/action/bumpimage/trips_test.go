package bumpimage

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// distance is a round trip's time: more than a client on a busy machine takes between two
// writes, which would be counted as two trips otherwise.
const distance = 200 * time.Millisecond

// far is the way to a server at a URL, and its URL over there.
func far(t *testing.T, at string) (*testkit.Far, string) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	f := testkit.NewFar(t, u.Host, distance/2)
	u.Scheme, u.Host = "https", f.Address
	return f, u.String()
}

// Over the internet and TLS: by the API, by hand as the original design's workflow does it
// (actions/checkout, kustomize edit, git push), and both when another bump comes first. The
// figures are for the decision record (a bump is an intent on a head).
func TestBump_AgainstByHandOverTheInternet(t *testing.T) {
	if os.Getenv("HY_BENCH") == "" {
		t.Skip("how the ways compare is for make bench-bump: 5,000 files are cloned three times for it")
	}
	hand := byHand{testkit.Tool(t, "kustomize")}
	files := infra(5000)
	log := func(name string, f *testkit.Far) {
		t.Logf("%-34s %3d round trips and %d of TCP's slow start, %d connections, %7d bytes", name, f.Trips.Load(), f.Slow.Load(), f.Connections.Load(), f.Bytes.Load())
	}
	api := func(lost bool) *testkit.Far {
		hub := forgetest.New(t, files)
		f, at := far(t, hub.URL)
		hub.Fault = func(r *forgetest.Request, after bool) (int, http.Header, string) {
			if lost && !after && r.N == 2 { // the commit
				hub.Others("main", map[string]string{"README.md": "x"})
			}
			return 0, nil, ""
		}
		o := apiOptions(hub, "reg.example/app:v2")
		o.API, o.Transport = at, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.CA, MinVersion: tls.VersionTLS12}}
		if res := mustRun(t, o); !res.Changed || res.Attempts > 1 != lost {
			t.Errorf("%+v", res)
		}
		return f
	}
	byHand := func(lost bool) *testkit.Far {
		bare := gittest.Bare(t, files)
		f, at := far(t, gittest.Serve(t, bare).URL)
		t.Setenv("GIT_SSL_CAINFO", f.CAFile)
		dir := t.TempDir()
		git := func(args ...string) { t.Helper(); gittest.Git(t, dir, args...) }
		git("init", "--quiet", "--initial-branch=main")
		git("remote", "add", "origin", at)
		// What actions/checkout v4 runs for a branch; without ref it asks the API for the branch's name before.
		git("-c", "protocol.version=2", "fetch", "--quiet", "--no-tags", "--prune", "--no-recurse-submodules", "--depth=1", "origin", "+refs/heads/main:refs/remotes/origin/main")
		git("checkout", "--quiet", "--force", "-B", "main", "refs/remotes/origin/main")
		hand.edit(t, dir, "v2")
		if lost {
			other := gittest.Clone(t, bare)
			gittest.Git(t, other, "commit", "--quiet", "--allow-empty", "--message=others")
			gittest.Git(t, other, "push", "--quiet", filepath.ToSlash(bare), "main")
			git("pull", "--quiet", "--rebase", "origin", "main")
		}
		git("push", "--quiet", "origin", "main")
		return f
	}
	ours, theirs := api(false), byHand(false)
	log("by API, proof included", ours)
	log("by hand", theirs)
	log("by API, another came first", api(true))
	log("by hand, git pull --rebase before", byHand(true))
	if ours.Bytes.Load()*10 > theirs.Bytes.Load() || ours.Connections.Load() != 1 || theirs.Trips.Load() < 9 {
		t.Error("by hand it is less than ten times the bytes, by API more than one connection, or the way is not counted")
	}
}
