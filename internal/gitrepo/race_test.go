package gitrepo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

func TestUpdate_AppliesTheIntentAgainOnANewHead(t *testing.T) {
	bare := gittest.Bare(t, seed)
	slow, fast := open(t, options(bare)), open(t, options(bare))
	first := true
	got, err := slow.Update(t.Context(), func(ctx context.Context, root Tree) (Commit, error) {
		if first {
			first = false
			if _, err := fast.Update(t.Context(), add("fast")); err != nil {
				t.Fatal(err)
			}
		}
		return add("slow")(ctx, root)
	})
	if err != nil || got.Attempts != 2 || !got.Changed {
		t.Fatalf("Update = %+v, %v; want two attempts", got, err)
	}
	if text := gittest.Git(t, bare, "show", "main:counter.txt"); text != "fast\nslow" {
		t.Errorf("counter.txt = %q", text)
	}
}

// The same value pushed by somebody else first is success, without a second commit.
func TestUpdate_SomebodyElseDidIt(t *testing.T) {
	bare := gittest.Bare(t, seed)
	slow, fast := open(t, options(bare)), open(t, options(bare))
	first := true
	got, err := slow.Update(t.Context(), func(ctx context.Context, root Tree) (Commit, error) {
		c, err := add("same")(ctx, root)
		if first {
			first = false
			if _, err := fast.Update(t.Context(), add("same")); err != nil {
				t.Fatal(err)
			}
			c.Message = "another commit than theirs"
		}
		return c, err
	})
	if err != nil || got.Changed || got.Attempts != 2 {
		t.Fatalf("Update = %+v, %v; want unchanged on the second attempt", got, err)
	}
	if n := gittest.Git(t, bare, "rev-list", "--count", "main"); n != "2" {
		t.Errorf("%s commits, want 2", n)
	}
}

func TestUpdate_ManyWritersAllLand(t *testing.T) {
	bare := gittest.Bare(t, seed)
	const writers = 4
	var wg sync.WaitGroup
	for i := range writers {
		r := open(t, options(bare))
		wg.Go(func() {
			if _, err := r.Update(t.Context(), add(fmt.Sprint("writer ", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if lines := strings.Count(gittest.Git(t, bare, "show", "main:counter.txt"), "writer"); lines != writers {
		t.Errorf("%d of %d writers landed", lines, writers)
	}
}

// Over the network a push that lost costs the one request that shows it: git must not fetch
// what was there first only to say in which way ours is behind.
func TestUpdate_ALostPushIsOneRequest(t *testing.T) {
	server := gittest.Serve(t, gittest.Bare(t, seed))
	fast := open(t, options(server.Dir))
	var before, lost int64
	o := options(server.URL)
	o.Wait = func(context.Context, time.Duration) error {
		lost = server.Requests.Load() - before
		return nil
	}
	got, err := open(t, o).Update(t.Context(), func(ctx context.Context, tree Tree) (Commit, error) {
		c, err := add("slow")(ctx, tree)
		if lost == 0 {
			if _, err := fast.Update(t.Context(), func(context.Context, Tree) (Commit, error) {
				return Commit{Files: map[string][]byte{"dir/run.sh": nil}, Message: "fast"}, nil
			}); err != nil {
				t.Fatal(err)
			}
			before = server.Requests.Load()
		}
		return c, err
	})
	if err != nil || got.Attempts != 2 || lost != 1 {
		t.Errorf("Update = %+v, %v; %d requests for a push that lost", got, err, lost)
	}
	if text := gittest.Git(t, server.Dir, "show", "main:counter.txt"); text != "slow" {
		t.Errorf("counter.txt = %q", text)
	}
}
