package bumpimage

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
)

func TestAPI_PushInFewRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		change   func(*Options)
		requests int
	}{
		"without proof": {func(o *Options) { o.Blind = true }, 2},
		"with proof":    {func(*Options) {}, 2}, // the base is guessed
		"a base that cannot be guessed": {func(o *Options) {
			o.Paths = []string{"far/overlay"}
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			files := infra(0)
			files["far/overlay/kustomization.yaml"] = forgetest.File{Mode: 0o100644, Text: "resources: [../middle]\n"}
			files["far/middle/kustomization.yaml"] = forgetest.File{Mode: 0o100644, Text: "resources: [../../apps/shop/base]\n"}
			s := forgetest.New(t, files)
			o := apiOptions(s, "reg.example/app:v2")
			tc.change(&o)
			res := mustRun(t, o)
			if !res.Changed || res.Operation != "pushed" || res.Verified == o.Blind || res.Commit != s.Refs["main"] || len(s.History("main")) != 2 {
				t.Errorf("Result = %+v", res)
			}
			if s.Asked() != tc.requests {
				t.Errorf("%d requests, want %d", s.Asked(), tc.requests)
			}
			s.Reset()
			if res := mustRun(t, o); res.Changed || res.Operation != "none" {
				t.Errorf("second Result = %+v", res)
			}
			if want := tc.requests - 1; s.Asked() > want {
				t.Errorf("%d requests to do nothing, want %d", s.Asked(), want)
			}
		})
	}
}

// deepInfra has an overlay d1 over d0, d2 over d1, and so on, over the base.
func deepInfra(depth int) map[string]forgetest.File {
	files := infra(0)
	files["d0/kustomization.yaml"] = forgetest.File{Mode: 0o100644, Text: "resources: [../apps/shop/base]\n"}
	for i := 1; i <= depth; i++ {
		files[fmt.Sprintf("d%d/kustomization.yaml", i)] = forgetest.File{Mode: 0o100644, Text: fmt.Sprintf("resources: [../d%d]\n", i-1)}
	}
	return files
}

// However deep an overlay lies over its bases, a push is at most four requests and a pull
// request as well, since whoever looks a third time is given everything; what an archive leaves out or
// writes otherwise than the commit has it is brought by itself.
func TestAPI_DeepOverlays(t *testing.T) {
	for name, tc := range map[string]struct {
		attributes string
		requests   int
		depth      int
		mode       string
	}{
		"two levels":             {requests: 4, depth: 1, mode: Push},
		"nine levels":            {requests: 4, depth: 8, mode: Push},
		"a pull request":         {requests: 4, depth: 8, mode: PullRequest},
		"a level is left out":    {attributes: "d3/kustomization.yaml export-ignore\n", requests: 5, depth: 8, mode: Push},
		"other texts than Git's": {attributes: "*.yaml export-subst\n", requests: 12, depth: 8, mode: Push},
	} {
		t.Run(name, func(t *testing.T) {
			files := deepInfra(tc.depth)
			files[".gitattributes"] = forgetest.File{Mode: 0o100644, Text: tc.attributes}
			files["d0/run.sh"] = forgetest.File{Mode: 0o100755, Text: "x"}
			s := forgetest.New(t, files)
			o := apiOptions(s, "reg.example/app=*:v2")
			o.Mode, o.Paths = tc.mode, []string{fmt.Sprintf("d%d", tc.depth)}
			res := mustRun(t, o)
			if !res.Changed || !res.Verified || s.Asked() != tc.requests {
				t.Errorf("%+v after %d requests, want %d", res, s.Asked(), tc.requests)
			}
		})
	}
}

func TestAPI_ChangesOnlyTheBytes(t *testing.T) {
	s := forgetest.New(t, infra(0))
	mustRun(t, apiOptions(s, "reg.example/app:v2"))
	if got, want := s.Text("main", devFile), "resources:\n- ../../base\nimages:\n- name: reg.example/app\n  newTag: v2 # deployed\n"; got != want {
		t.Errorf("file:\n%s", got)
	}
}

func TestAPI_KeepsModesByTheGitDataAPI(t *testing.T) {
	files := infra(0)
	f := files[devFile]
	f.Mode = 0o100755
	files[devFile] = f
	s := forgetest.New(t, files)
	res := mustRun(t, apiOptions(s, "reg.example/app:v2"))
	if got := s.Commits[res.Commit].Files[devFile]; got.Mode != 0o100755 || !strings.Contains(got.Text, "v2") || s.Refs["main"] != res.Commit {
		t.Errorf("file %+v", got)
	}
}

func TestRefusesLinks(t *testing.T) {
	files := infra(0)
	files["apps/link"] = forgetest.File{Mode: 0o120000, Text: "shop/overlays/dev"}
	files["apps/middle"] = forgetest.File{Mode: 0o120000, Text: "shop"}
	files["apps/file/kustomization.yaml"] = forgetest.File{Mode: 0o120000, Text: "../shop/overlays/dev/kustomization.yaml"}
	hub, bare := forgetest.New(t, files), gittest.Bare(t, files)
	directory := gitOptions(gittest.Clone(t, bare))
	directory.Mode, directory.Backend = None, Auto
	for name, o := range map[string]Options{API: apiOptions(hub), Git: gitOptions(bare), None: directory} {
		for _, dir := range []string{"apps/link", "apps/middle/overlays/dev", "apps/file"} {
			o.Images, o.Paths, o.Blind = []string{"reg.example/app:v2"}, []string{dir}, true
			if _, err := Run(t.Context(), o); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "is a symbolic link") {
				t.Errorf("%s, %s: err = %v", name, dir, err)
			}
		}
	}
}

func TestAPI_Patterns(t *testing.T) {
	files := infra(0)
	files["apps/other/overlays/dev/kustomization.yaml"] = forgetest.File{Mode: 0o100644, Text: "configMapGenerator: [{name: x, literals: [a=b]}]\n"}
	s := forgetest.New(t, files)
	o := apiOptions(s, "reg.example/app:v2")
	o.Paths = []string{"apps/*/overlays/dev"}
	if res := mustRun(t, o); !slices.Equal(res.Files, []string{devFile}) {
		t.Errorf("files %q", res.Files)
	}
}

// A commit that comes first, with the same file and with another.
func TestAPI_AppliesTheIntentAgain(t *testing.T) {
	s := forgetest.New(t, infra(0))
	once := sync.OnceFunc(func() {
		s.Others("main", map[string]string{devFile: infra(0)[devFile].Text + "# of others\n"})
	})
	s.Fault = func(r *forgetest.Request, after bool) (int, http.Header, string) {
		if !after && strings.Contains(r.Body, "createCommitOnBranch") {
			once()
		}
		return 0, nil, ""
	}
	res := mustRun(t, apiOptions(s, "reg.example/app:v2"))
	text := s.Text("main", devFile)
	if res.Attempts != 2 || !strings.Contains(text, "newTag: v2 # deployed") || !strings.Contains(text, "# of others") {
		t.Errorf("%d attempts:\n%s", res.Attempts, text)
	}
}
