package forgetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// restGit answers the Git Data API: op is the kind of object, rest what follows
// it in the address. It is nil for what is not in use.
func (s *Server) restGit(method, op, rest string, body []byte) *answer {
	var a answer
	switch method + " " + op {
	case "GET trees":
		a = s.getTree(rest)
	case "GET blobs":
		a = s.getBlob(rest)
	case "POST trees":
		a = s.postTree(body)
	case "POST commits":
		a = s.postCommit(body)
	case "PATCH refs":
		a = s.patchRef(strings.TrimPrefix(rest, "heads/"), body)
	default:
		return nil
	}
	return &a
}

func (s *Server) getTree(sha string) answer {
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
}

func (s *Server) getBlob(sha string) answer {
	for _, c := range s.Commits {
		for _, f := range c.Files {
			if blobID(f) == sha {
				return answer{200, []byte(f.Text)}
			}
		}
	}
	return bad(404, "Not Found")
}

func (s *Server) postTree(body []byte) answer {
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
}

func (s *Server) postCommit(body []byte) answer {
	var in struct {
		Message, Tree string
		Parents       []string
	}
	if json.Unmarshal(body, &in) != nil || s.trees[in.Tree] == nil || len(in.Parents) != 1 {
		return bad(422, "Tree SHA does not exist")
	}
	return answer{201, map[string]any{"sha": s.put(in.Parents[0], in.Message, s.trees[in.Tree])}}
}

func (s *Server) patchRef(branch string, body []byte) answer {
	var in struct {
		SHA   string
		Force bool
	}
	if json.Unmarshal(body, &in) != nil || s.Commits[in.SHA] == nil {
		return bad(422, "Object does not exist")
	}
	if !in.Force && !slices.Contains(s.line(in.SHA), s.Refs[branch]) {
		return bad(422, "Update is not a fast forward")
	}
	s.Refs[branch] = in.SHA
	return answer{200, map[string]any{"ref": "refs/heads/" + branch, "object": map[string]any{"sha": in.SHA}}}
}
