package forge_test

import (
	"context"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
	"github.com/buenhyden/hy-home/internal/gitrepo"
)

// GitHub has not seen its own last write yet, or its answer is lost: one pull request comes of
// it, whole, or the error says why there is none.
func TestPropose_WhileGitHubLags(t *testing.T) {
	for name, tc := range map[string]struct {
		in      string // the mutation that fails
		after   bool   // once it was done
		times   int
		refusal string // of the mutation alone; or of the whole request:
		status  int
		body    string
		want    string // of the error
		warning string
	}{
		"the branch is not seen":    {in: "createPullRequest", times: 2, refusal: "No commits between main and bump"},
		"nor its head":              {in: "createPullRequest", times: 1, refusal: "Head sha can't be blank, Head ref must be a branch"},
		"the answer is lost":        {in: "createPullRequest", after: true, times: 1, status: 502, body: "<html>"},
		"the gateway fails":         {in: "createPullRequest", times: 1, status: 502, body: "<html>"},
		"somebody opened it":        {in: "createPullRequest", after: true, times: 1, refusal: "A pull request already exists for acme:bump."},
		"it is never seen":          {in: "createPullRequest", times: 99, refusal: "No commits between main and bump", want: "No commits between"},
		"it is refused":             {in: "createPullRequest", times: 99, refusal: "Draft pull requests are not supported", want: "Draft pull requests are not supported"},
		"the request is not seen":   {in: "addLabelsToLabelable", times: 2, status: 200, body: `{"data":{},"errors":[{"message":"Could not resolve to a node with the global id of 'PR_1'","path":["labels"]}]}`},
		"labels are refused":        {in: "addLabelsToLabelable", times: 99, status: 200, body: `{"data":{},"errors":[{"message":"no labels here","path":["labels"]}]}`, warning: "labels: GitHub answers: no labels here"},
		"the commit's answer lost":  {in: "createCommitOnBranch", after: true, times: 1, status: 502, body: "<html>"},
		"an update's answer lost":   {in: "updatePullRequest", after: true, times: 1, status: 502, body: "<html>"},
		"too fast, in words":        {in: "createCommitOnBranch", times: 2, status: 200, body: `{"errors":[{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}]}`},
		"somebody made the branch":  {in: "createRef", times: 1, status: 200, body: `{"data":{"create":null},"errors":[{"type":"UNPROCESSABLE","message":"A ref named \"refs/heads/bump\" already exists in the repository.","path":["create"]}]}`},
		"a branch that moves again": {in: "updateRefs", times: 1, status: 200, body: `{"data":{"move":null},"errors":[{"message":"beforeOid does not match","path":["move"]}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := forgetest.New(t, map[string]forgetest.File{"a.txt": {Mode: 0o100644, Text: "1"}})
			left := tc.times
			s.Fault = func(r *forgetest.Request, after bool) (int, http.Header, string) {
				if after != tc.after || left == 0 || !strings.Contains(r.Body, tc.in) {
					return 0, nil, ""
				}
				left--
				return tc.status, nil, tc.body
			}
			if tc.refusal != "" {
				s.Fault = nil
			}
			s.Refuse = func(mutation string, after bool) string {
				if mutation != tc.in || after != tc.after || left == 0 || tc.refusal == "" {
					return ""
				}
				left--
				return tc.refusal
			}
			p := pull(nil)
			p.Extras = forge.Extras{Labels: []string{"bump"}}
			res, err := client(t, s.URL).Propose(t.Context(), p, forge.First{}, write("2"))
			if err == nil && strings.HasPrefix(tc.in, "update") { // it takes a second version, on a new base
				s.Push("main", "others", map[string]string{"b.txt": "x"})
				res, err = client(t, s.URL).Propose(t.Context(), p, forge.First{}, write("3"))
			}
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) || len(s.Pulls) != 0 {
					t.Errorf("Propose = %+v, %v; want %q", res, err, tc.want)
				}
				return
			}
			if err != nil || len(s.Pulls) != 1 || res.Number != 1 || res.Commit != s.Refs["bump"] || left > 0 && tc.times < 99 {
				t.Fatalf("Propose = %+v, %v; %d pull requests, %d faults left", res, err, len(s.Pulls), left)
			}
			if tc.warning != "" {
				if !slices.Contains(res.Warnings, tc.warning) {
					t.Errorf("warnings %q", res.Warnings)
				}
			} else if !slices.Equal(s.Pulls[0].Extras, []string{"L_bump"}) || len(res.Warnings) > 0 {
				t.Errorf("labels %q, warnings %q", s.Pulls[0].Extras, res.Warnings)
			}
		})
	}
}

// GitHub says yes and keeps nothing: that is no success.
func TestUpdate_ProvesThatTheCommitLanded(t *testing.T) {
	for name, mode := range map[string]int64{"GraphQL": 0o100644, "the Git Data API": 0o100755} {
		t.Run(name, func(t *testing.T) {
			s := forgetest.New(t, map[string]forgetest.File{"a.txt": {Mode: mode, Text: "1"}})
			s.Stale = true // so that the answer itself proves nothing
			start := s.Refs["main"]
			s.Fault = func(*forgetest.Request, bool) (int, http.Header, string) {
				s.Refs["main"] = start
				return 0, nil, ""
			}
			res, err := client(t, s.URL).Update(t.Context(), "main", forge.First{}, write("2"))
			if err == nil || !strings.Contains(err.Error(), "GitHub said yes, but branch main of acme/infra does not hold commit") {
				t.Errorf("Update = %+v, %v", res, err)
			}
		})
	}
}

// The Git Data API loses a race, too, and then goes on from the new head.
func TestUpdate_AFileModeInARace(t *testing.T) {
	s := forgetest.New(t, map[string]forgetest.File{"a.txt": {Mode: 0o100755, Text: "1"}})
	others := false
	s.Fault = func(r *forgetest.Request, after bool) (int, http.Header, string) {
		if !after && !others && strings.HasSuffix(r.Path, "/git/refs/heads/main") {
			others = true
			s.Others("main", map[string]string{"b.txt": "x"})
		}
		return 0, nil, ""
	}
	res, err := client(t, s.URL).Update(t.Context(), "main", forge.First{}, write("2"))
	if err != nil || res.Attempts != 2 || s.Text("main", "a.txt") != "2" || s.Text("main", "b.txt") != "x" || s.Commits[s.Refs["main"]].Files["a.txt"].Mode != 0o100755 {
		t.Errorf("Update = %+v, %v", res, err)
	}
}

// What GraphQL cannot give, since it is no text, comes by its name.
func TestUpdate_ReadsWhatIsNoText(t *testing.T) {
	s := forgetest.New(t, map[string]forgetest.File{"a.txt": {Mode: 0o100644, Text: "1\x00"}})
	res, err := client(t, s.URL).Update(t.Context(), "main", forge.First{Paths: []string{"a.txt"}}, func(_ context.Context, tree gitrepo.Tree) (gitrepo.Commit, error) {
		text, err := fs.ReadFile(tree, "a.txt")
		return gitrepo.Commit{Files: map[string][]byte{"a.txt": append(text, '2')}, Message: "m"}, err
	})
	if err != nil || s.Text("main", "a.txt") != "1\x002" || len(s.Requests) != 3 {
		t.Errorf("Update = %+v, %v after %d requests", res, err, len(s.Requests))
	}
}
