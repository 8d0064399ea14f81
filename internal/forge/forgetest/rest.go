package forgetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// rest answers the few operations of the REST API that are in use.
func (s *Server) rest(method, name string, body []byte) answer {
	bad := func(status int, message string) answer { return answer{status, map[string]any{"message": message}} }
	repository, at, _ := strings.Cut(strings.TrimPrefix(name, "acme/"), "/")
	op, rest, _ := strings.Cut(at, "/")
	if repository == "app" && op == "compare" {
		base, head, _ := strings.Cut(rest, "...")
		i, j := s.sourceCommit(base), s.sourceCommit(head)
		if i < 0 || j < 0 {
			return bad(404, "Not Found")
		}
		return answer{200, map[string]any{"status": map[bool]string{true: "ahead", false: "behind"}[j > i]}}
	}
	switch method + " " + op + "/" + strings.Split(rest, "/")[0] {
	case "POST git/trees":
		var in struct {
			BaseTree string `json:"base_tree"`
			Tree     []struct {
				Path, Mode, Type string
				Content          *string
			}
		}
		if json.Unmarshal(body, &in) != nil || in.BaseTree == "" || len(in.Tree) == 0 {
			return bad(422, "Invalid tree info")
		}
		files := maps.Clone(s.Commits[in.BaseTree].Files)
		for _, e := range in.Tree {
			mode, err := strconv.ParseInt(e.Mode, 8, 64)
			if err != nil || e.Type != "blob" || e.Content == nil {
				return bad(422, "tree.mode is invalid")
			}
			files[e.Path] = File{Mode: mode, Text: *e.Content}
		}
		sha := fmt.Sprintf("%040x", len(s.trees)+1)
		s.trees[sha] = files
		return answer{201, map[string]any{"sha": sha}}
	case "POST git/commits":
		var in struct {
			Message, Tree string
			Parents       []string
		}
		if json.Unmarshal(body, &in) != nil || s.trees[in.Tree] == nil || len(in.Parents) != 1 {
			return bad(422, "Tree SHA does not exist")
		}
		return answer{201, map[string]any{"sha": s.put(in.Parents[0], in.Message, s.trees[in.Tree])}}
	case "PATCH git/refs":
		var in struct {
			SHA   string
			Force bool
		}
		branch := strings.TrimPrefix(rest, "refs/heads/")
		if json.Unmarshal(body, &in) != nil || s.Commits[in.SHA] == nil {
			return bad(422, "Object does not exist")
		}
		if !in.Force && !slices.Contains(s.line(in.SHA), s.Refs[branch]) {
			return bad(422, "Update is not a fast forward")
		}
		s.Refs[branch] = in.SHA
		return answer{200, map[string]any{"ref": "refs/heads/" + branch, "object": map[string]any{"sha": in.SHA}}}
	case "GET git/trees":
		sha := strings.TrimPrefix(rest, "trees/")
		c, dir := s.Commits[sha], "."
		if c == nil {
			c, dir = s.dirOf(sha)
		}
		if c == nil {
			return bad(404, "Not Found")
		}
		entries := []any{}
		for file := range c.below(dir) {
			entries = append(entries, map[string]any{"path": strings.TrimPrefix(file, strings.TrimPrefix(dir+"/", "./")), "type": "blob"})
		}
		return answer{200, map[string]any{"sha": sha, "tree": entries, "truncated": false}}
	case "GET git/blobs":
		sha := strings.TrimPrefix(rest, "blobs/")
		for _, c := range s.Commits {
			for _, f := range c.Files {
				if blobID(f) == sha {
					return answer{200, []byte(f.Text)}
				}
			}
		}
		return bad(404, "Not Found")
	}
	number, what, _ := strings.Cut(rest, "/")
	n, _ := strconv.Atoi(number)
	switch {
	case method == "POST" && op == "issues" && what == "labels" && n > 0 && n <= len(s.Pulls):
		var in struct{ Labels []string }
		if json.Unmarshal(body, &in) != nil {
			return bad(422, "Invalid request")
		}
		s.Pulls[n-1].Extras = append(s.Pulls[n-1].Extras, in.Labels...)
		return answer{200, []any{}}
	case method == "PUT" && op == "pulls" && what == "merge" && n > 0 && n <= len(s.Pulls):
		p := s.Pulls[n-1]
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

func (s *Server) sourceCommit(sha string) int {
	return slices.IndexFunc(s.Source, func(c string) bool { return strings.HasPrefix(c, sha) })
}
