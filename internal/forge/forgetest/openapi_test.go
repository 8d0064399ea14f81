package forgetest

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestConforms(t *testing.T) {
	for name, tc := range map[string]struct{ method, target, body, want string }{
		"a tree":               {"POST", "/repos/acme/infra/git/trees", `{"base_tree":"1","tree":[{"path":"a","mode":"100755","type":"blob","content":"x"}]}`, ""},
		"a branch with a /":    {"PATCH", "/repos/acme/infra/git/refs/heads/a/b", `{"sha":"1","force":false}`, ""},
		"a query":              {"GET", "/repos/acme/infra/compare/a...b?per_page=1", "", ""},
		"no such operation":    {"POST", "/repos/acme/infra/git/trees/x/y", `{}`, "no operation"},
		"another method":       {"DELETE", "/repos/acme/infra/git/trees", "", "no operation"},
		"no such parameter":    {"GET", "/repos/acme/infra/compare/a...b?limit=1", "", "no parameter limit"},
		"not a number":         {"GET", "/repos/acme/infra/compare/a...b?per_page=all", "", "not a number"},
		"a number in the path": {"POST", "/repos/acme/infra/issues/x/labels", `{"labels":["a"]}`, "not a number"},
		"no body":              {"POST", "/repos/acme/infra/git/commits", "", "no body"},
		"a body too many":      {"GET", "/repos/acme/infra/git/blobs/1", "{}", "where none is read"},
		"no such mode":         {"POST", "/repos/acme/infra/git/trees", `{"tree":[{"path":"a","mode":"0644","type":"blob"}]}`, "mode"},
		"a part that is gone":  {"POST", "/repos/acme/infra/git/commits", `{"message":"x"}`, "tree"},
		"no such field":        {"POST", "/repos/acme/infra/git/commits", `{"message":"x","tree":"1","parent":"2"}`, "the field parent"},
		"a list for an object": {"POST", "/repos/acme/infra/issues/1/labels", `["a"]`, "want object"},
	} {
		r := httptest.NewRequest(tc.method, tc.target, nil)
		err := conforms(tc.method, r.URL.Path, r, []byte(tc.body))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
