package builder

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

// Steps go into GitHub's cache and come back from it to a builder that knows nothing,
// with the token of the job, which is in no argument list and in no log.
func TestBed_CacheOfGitHub(t *testing.T) {
	cache := newGHACache(t)
	made := func(set func(*Options)) string {
		t.Helper()
		bed := buildkit.New(t)
		bed.Start(t)
		b := newBedBuild(t, bed, map[string]string{"Dockerfile": "FROM " + shell + " AS build\nRUN cat /proc/sys/kernel/random/uuid >/made\nFROM scratch\nCOPY --from=build /made /\n"})
		out := t.TempDir()
		b.o.Push, b.o.Outputs = false, []string{"type=local,dest=" + out}
		b.o.Env = []string{"ACTIONS_RUNTIME_TOKEN=" + cache.token, "ACTIONS_RESULTS_URL=" + cache.url, "ACTIONS_CACHE_SERVICE_V2=true"}
		set(&b.o)
		b.build(t)
		for where, text := range map[string][]byte{"log": b.log.Bytes(), "argument lists": bed.Calls(t)} {
			if bytes.Contains(text, []byte(cache.token)) {
				t.Errorf("the token is in the %s", where)
			}
		}
		text, err := os.ReadFile(filepath.Join(out, "made"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := made(func(o *Options) { o.CacheTo = []string{"type=gha,mode=max"} })
	if len(cache.keys) == 0 || cache.denied > 0 {
		t.Fatalf("%q were kept, and %d questions had not the token", cache.keys, cache.denied)
	}
	if second := made(func(o *Options) { o.CacheFrom = []string{"type=gha"} }); second != first || cache.given == 0 {
		t.Errorf("made at %s and again at %s; %d blobs were asked for", first, second, cache.given)
	}
	if other := made(func(*Options) {}); other == first {
		t.Error("without the cache it is the same: the test cannot tell")
	}
}

func TestBed_ACacheThatCannotBeKept(t *testing.T) {
	bed := buildkit.New(t)
	bed.Start(t)
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
	b.o.CacheTo = []string{"type=registry,mode=max,ref=127.0.0.1:1/nobody/listens:1"}
	if img := b.build(t); img.Digest == "" || !strings.Contains(b.log.String(), "127.0.0.1:1") {
		t.Errorf("%+v\n%s", img, b.log.String())
	}
	b.o.CacheTo[0] += ",ignore-error=false"
	if _, err := Build(t.Context(), run.Exec{}, b.tool, b.o); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("%v", err)
	}
}
