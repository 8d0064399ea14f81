package bumpimage

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

// fiveApps are overlays that share the images c0, c1, ...: kustomize's time grows with the
// square of the images in one place, and few have more than five there.
func fiveApps(images int) map[string]forgetest.File {
	files := map[string]forgetest.File{}
	for app := range 5 {
		var containers, entries strings.Builder
		for i := app; i < images; i += 5 {
			fmt.Fprintf(&containers, "{name: c%d, image: reg.example/c%d}, ", i, i)
			fmt.Fprintf(&entries, "- name: reg.example/c%d\n  newTag: v1\n", i)
		}
		dir := fmt.Sprintf("apps/%d/", app)
		for name, text := range map[string]string{
			"overlays/dev/kustomization.yaml": "resources: [../../base]\nimages:\n" + entries.String(),
			"base/kustomization.yaml":         "resources: [app.yaml]\n",
			"base/app.yaml":                   "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [" + containers.String() + "]}\n",
		} {
			files[dir+name] = forgetest.File{Mode: 0o100644, Text: text}
		}
	}
	return files
}

// Fifty writers, different images and the same, 20 ms away from the server: each lands or
// is superseded, once, on one line of history. How long that takes is for a quiet machine to
// say: see the benchmark of the same name.
func TestFiftyWriters(t *testing.T) {
	const (
		writers = 50
		latency = 20 * time.Millisecond
	)
	commit := func(n int) string { return fmt.Sprintf("a%039d", n) }
	overlay := func(i int) string { return fmt.Sprintf("apps/%d/overlays/dev", i/2%5) }
	for _, backend := range []string{API, Git} {
		t.Run(backend, func(t *testing.T) {
			hub := forgetest.New(t, fiveApps(writers/2)) // it knows the source repository, too
			hub.Latency = latency
			for i := range writers {
				hub.Source = append(hub.Source, commit(i))
			}
			options := apiOptions(hub)
			text := func(i int) string { return hub.Text("main", overlay(i)+"/kustomization.yaml") }
			history := func() int { return len(hub.History("main")) }
			requests := func() int64 { return int64(len(hub.Requests)) }
			if backend == Git {
				s := gittest.Serve(t, gittest.Bare(t, fiveApps(writers/2)))
				s.Latency = latency
				options = gitOptions(s.URL)
				options.API = hub.URL
				text = func(i int) string {
					return gittest.Git(t, s.Dir, "show", "main:"+overlay(i)+"/kustomization.yaml")
				}
				history = func() int {
					return len(strings.Fields(gittest.Git(t, s.Dir, "rev-list", "--max-parents=1", "main")))
				}
				requests = s.Requests.Load
			}
			results := make([]Result, writers)
			start := time.Now()
			var wg sync.WaitGroup
			for i := range writers {
				wg.Go(func() { // two writers an image, the even one older
					o := options
					o.Images, o.Paths = []string{fmt.Sprintf("reg.example/c%d:%s", i/2, commit(i))}, []string{overlay(i)}
					o.Source = Source{Repository: "acme/app", Commit: commit(i), Token: forgetest.Token}
					var err error
					if results[i], err = Run(t.Context(), o); err != nil {
						t.Errorf("writer %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			took := time.Since(start)
			landed, attempts := 0, 0
			for i, r := range results {
				attempts += r.Attempts
				switch {
				case r.Changed:
					landed++
				case r.Operation != "superseded" || i%2 != 0:
					t.Errorf("writer %d: %+v", i, r)
				}
			}
			for i := 1; i < writers; i += 2 {
				if !strings.Contains(text(i), commit(i)) {
					t.Errorf("writer %d is lost", i)
				}
			}
			if n := history(); n != landed+1 {
				t.Errorf("%d commits for %d that landed", n-1, landed)
			}
			t.Logf("%d landed, %d superseded, %d attempts, %d requests, %s", landed, writers-landed, attempts, requests(), took.Round(time.Millisecond))
		})
	}
}
