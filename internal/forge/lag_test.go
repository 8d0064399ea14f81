package forge_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
)

// GitHub has not seen its own last write yet, or its answer is lost: one pull request comes of
// it, whole, or the error says why there is none.
func TestPropose_WhileGitHubLags(t *testing.T) {
	fault := func(message string) string {
		return `{"data":{"pull":null},"errors":[{"type":"UNPROCESSABLE","message":"` + message + `","path":["pull"]}]}`
	}
	for name, tc := range map[string]struct {
		in      string // the mutation that fails
		after   bool   // once it was done
		times   int
		status  int
		body    string
		want    string // of the error
		warning string
	}{
		"the branch is not seen":    {in: "createPullRequest", times: 2, status: 200, body: fault("No commits between main and bump")},
		"nor its head":              {in: "createPullRequest", times: 1, status: 200, body: fault("Head sha can't be blank, Head ref must be a branch")},
		"the answer is lost":        {in: "createPullRequest", after: true, times: 1, status: 502, body: "<html>"},
		"the gateway fails":         {in: "createPullRequest", times: 1, status: 502, body: "<html>"},
		"somebody opened it":        {in: "createPullRequest", after: true, times: 1, status: 200, body: fault("A pull request already exists for acme:bump.")},
		"it is never seen":          {in: "createPullRequest", times: 99, status: 200, body: fault("No commits between main and bump"), want: "No commits between"},
		"it is refused":             {in: "createPullRequest", times: 99, status: 200, body: fault("Draft pull requests are not supported"), want: "Draft pull requests are not supported"},
		"the request is not seen":   {in: "addLabelsToLabelable", times: 2, status: 200, body: `{"data":{},"errors":[{"message":"Could not resolve to a node with the global id of 'PR_1'","path":["labels"]}]}`},
		"labels are refused":        {in: "addLabelsToLabelable", times: 99, status: 200, body: `{"data":{},"errors":[{"message":"no labels here","path":["labels"]}]}`, warning: "labels: GitHub answers: no labels here"},
		"the commit's answer lost":  {in: "createCommitOnBranch", after: true, times: 1, status: 502, body: "<html>"},
		"an update's answer lost":   {in: "updatePullRequest", after: true, times: 1, status: 502, body: "<html>"},
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
			p := pull(nil)
			p.Extras = forge.Extras{Labels: []string{"bump"}}
			res, err := client(t, s, s.URL).Propose(t.Context(), p, forge.First{}, write("2"))
			if err == nil && strings.HasPrefix(tc.in, "update") { // it takes a second version, on a new base
				s.Push("main", "others", map[string]string{"b.txt": "x"})
				res, err = client(t, s, s.URL).Propose(t.Context(), p, forge.First{}, write("3"))
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
