package forgetest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// bad is the answer to a request that GitHub refuses.
func bad(status int, message string) answer {
	return answer{status, map[string]any{"message": message}}
}

// rest answers the few operations of the REST API that are in use.
func (s *Server) rest(method, name string, body []byte) answer {
	repository, at, _ := strings.Cut(strings.TrimPrefix(name, "acme/"), "/")
	op, rest, _ := strings.Cut(at, "/")
	id, what, _ := strings.Cut(rest, "/")
	switch {
	case repository == "app" && op == "compare":
		return s.compare(rest)
	case op == "git":
		if answered := s.restGit(method, id, what, body); answered != nil {
			return *answered
		}
	case method == "GET" && op == "tarball" && what == "":
		if s.Commits[rest] == nil {
			return bad(404, "Not Found")
		}
		return answer{302, s.codeload(rest)}
	case method == "POST" && op == "issues" && what == "labels" && s.numbered(id) != nil:
		return s.label(s.numbered(id), body)
	case method == "PUT" && op == "pulls" && what == "merge" && s.numbered(id) != nil:
		p := s.numbered(id)
		p.State = "MERGED"
		s.Refs[p.Base] = s.Refs[p.Head]
		return answer{200, map[string]any{"merged": true}}
	case method == "POST" && op == "commits" && what == "comments", method == "POST" && op == "check-runs":
		s.Comments = append(s.Comments, string(body))
		return answer{201, map[string]any{}}
	}
	s.t.Errorf("a request that GitHub does not know: %s %s", method, name)
	return bad(404, "Not Found")
}

// compare says which of two commits of the source repository is newer.
func (s *Server) compare(commits string) answer {
	base, head, _ := strings.Cut(commits, "...")
	i, j := s.sourceCommit(base), s.sourceCommit(head)
	if i < 0 || j < 0 {
		return bad(404, "Not Found")
	}
	status := "behind"
	if j > i {
		status = "ahead"
	}
	return answer{200, map[string]any{"status": status}}
}

func (s *Server) sourceCommit(sha string) int {
	return slices.IndexFunc(s.Source, func(c string) bool { return strings.HasPrefix(c, sha) })
}

// numbered is the pull request of that number, or nil.
func (s *Server) numbered(number string) *Pull {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(s.Pulls) {
		return nil
	}
	return s.Pulls[n-1]
}

func (s *Server) label(p *Pull, body []byte) answer {
	var in struct{ Labels []string }
	if json.Unmarshal(body, &in) != nil {
		return bad(422, "Invalid request")
	}
	p.Extras = append(p.Extras, in.Labels...)
	return answer{200, []any{}}
}
