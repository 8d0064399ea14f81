package forgetest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/buenhyden/hy-home/internal/gittree"
)

// execution runs one document. An object is a map from field names to values, or to
// functions of the field's arguments; "__typename" decides which fragments apply.
type execution struct {
	s      *Server
	doc    *ast.QueryDocument
	vars   map[string]any
	errors []any
}

type (
	object   = map[string]any
	resolver func(args map[string]any) (any, *problem)
)

type problem struct{ kind, message string }

func (x *execution) fields(set ast.SelectionSet, o object, at []any) object {
	out := object{}
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.InlineFragment:
			if sel.TypeCondition == o["__typename"] {
				maps.Copy(out, x.fields(sel.SelectionSet, o, at))
			}
		case *ast.FragmentSpread:
			maps.Copy(out, x.fields(x.doc.Fragments.ForName(sel.Name).SelectionSet, o, at))
		case *ast.Field:
			here := append(slices.Clone(at), sel.Alias)
			v := o[sel.Name]
			if f, ok := v.(resolver); ok {
				var p *problem
				if v, p = f(sel.ArgumentMap(x.vars)); p != nil {
					x.errors = append(x.errors, object{"type": p.kind, "message": p.message, "path": here})
				}
			}
			out[sel.Alias] = x.value(sel, v, here)
		}
	}
	return out
}

func (x *execution) value(f *ast.Field, v any, at []any) any {
	switch v := v.(type) {
	case object:
		if v == nil {
			return nil
		}
		return x.fields(f.SelectionSet, v, at)
	case []object:
		out := []any{}
		for _, o := range v {
			out = append(out, x.fields(f.SelectionSet, o, at))
		}
		return out
	}
	return v
}

func (x *execution) root(mutation bool) object {
	s := x.s
	if mutation {
		return s.mutations()
	}
	return object{
		"repository": resolver(func(a map[string]any) (any, *problem) {
			if a["owner"].(string)+"/"+a["name"].(string) != Repository {
				return nil, &problem{"NOT_FOUND", "Could not resolve to a Repository with the name"}
			}
			return s.repository(), nil
		}),
		"user": resolver(func(a map[string]any) (any, *problem) {
			if a["login"] == "ghost" {
				return nil, &problem{"NOT_FOUND", "Could not resolve to a User with the login of 'ghost'."}
			}
			return object{"id": "U_" + a["login"].(string)}, nil
		}),
		"organization": object{"team": resolver(func(a map[string]any) (any, *problem) { return object{"id": "T_" + a["slug"].(string)}, nil })},
	}
}

func (s *Server) repository() object {
	return object{
		"id":               "R_1",
		"defaultBranchRef": s.ref("main"),
		"ref": resolver(func(a map[string]any) (any, *problem) {
			return s.ref(strings.TrimPrefix(a["qualifiedName"].(string), "refs/heads/")), nil
		}),
		"object": resolver(func(a map[string]any) (any, *problem) { return s.commit(a["oid"].(string)), nil }),
		"label": resolver(func(a map[string]any) (any, *problem) {
			if !s.Labels[a["name"].(string)] {
				return nil, nil
			}
			return object{"id": "L_" + a["name"].(string)}, nil
		}),
		"milestone": resolver(func(a map[string]any) (any, *problem) {
			if fmt.Sprint(a["number"]) != "1" {
				return nil, nil
			}
			return object{"id": "M_1"}, nil
		}),
		"pullRequests": resolver(func(a map[string]any) (any, *problem) {
			var nodes []object
			for _, p := range s.Pulls {
				if p.State == "OPEN" && p.Head == a["headRefName"] {
					nodes = append(nodes, s.pull(p))
				}
			}
			return object{"nodes": nodes}, nil
		}),
	}
}

func (s *Server) pull(p *Pull) object {
	return object{"id": fmt.Sprintf("PR_%d", p.Number), "number": p.Number, "url": fmt.Sprintf("https://github.com/%s/pull/%d", Repository, p.Number),
		"title": p.Title, "body": p.Body, "baseRefName": p.Base, "headRefOid": s.Refs[p.Head], "isCrossRepository": false}
}

func (s *Server) ref(branch string) object {
	oid, ok := s.Refs[branch]
	if !ok {
		return nil
	}
	return object{"id": "REF_" + branch, "name": branch, "target": s.commit(oid),
		"compare": resolver(func(a map[string]any) (any, *problem) {
			base, head := s.line(oid), s.line(s.resolve(a["headRef"].(string)))
			var ahead []object
			for _, c := range head {
				if !slices.Contains(base, c) {
					ahead = append(ahead, object{"message": s.Commits[c].Message})
				}
			}
			behind := len(slices.DeleteFunc(slices.Clone(base), func(c string) bool { return slices.Contains(head, c) }))
			status := map[[2]bool]string{{false, false}: "IDENTICAL", {true, false}: "AHEAD", {false, true}: "BEHIND", {true, true}: "DIVERGED"}[[2]bool{len(ahead) > 0, behind > 0}]
			return object{"aheadBy": len(ahead), "behindBy": behind, "status": status, "commits": object{"nodes": ahead}}, nil
		})}
}

func (s *Server) resolve(ref string) string {
	if oid, ok := s.Refs[ref]; ok {
		return oid
	}
	return ref
}

func (s *Server) line(oid string) (all []string) {
	for c := s.Commits[oid]; c != nil; c = s.Commits[c.Parent] {
		all = append(all, c.OID)
	}
	return all
}

func (s *Server) commit(oid string) object {
	c := s.Commits[oid]
	if c == nil {
		return nil
	}
	return object{"__typename": "Commit", "oid": oid, "message": c.Message,
		"tree":    func() object { t := c.tree("."); t["oid"] = "tree" + oid[4:]; return t }(),
		"parents": object{"totalCount": min(1, len(c.Parent))},
		"history": resolver(func(a map[string]any) (any, *problem) {
			nodes := []object{}
			name, _ := a["path"].(string)
			for at := c; at != nil && int64(len(nodes)) < a["first"].(int64); at = s.Commits[at.Parent] {
				if name == "" || !maps.Equal(at.below(name), s.Commits[at.Parent].below(name)) {
					nodes = append(nodes, s.commit(at.OID))
				}
			}
			return object{"nodes": nodes}, nil
		}),
		"file": resolver(func(a map[string]any) (any, *problem) { return c.entry(a["path"].(string)), nil })}
}

// below are the files at a path; none of no commit.
func (c *Commit) below(name string) map[string]File {
	found := map[string]File{}
	if c == nil {
		return found
	}
	for file, f := range c.Files {
		if name == "." || file == name || strings.HasPrefix(file, name+"/") {
			found[file] = f
		}
	}
	return found
}

// entry is GraphQL's TreeEntry of a path; nil if nothing is there.
func (c *Commit) entry(name string) object {
	if f, ok := c.Files[name]; ok {
		text := any(f.Text)
		if strings.ContainsRune(f.Text, 0) {
			text = nil
		}
		return object{"name": path.Base(name), "mode": f.Mode, "oid": blobID(f),
			"object": object{"__typename": "Blob", "text": text, "isTruncated": false, "oid": blobID(f)}}
	}
	for file := range c.Files {
		if strings.HasPrefix(file, name+"/") {
			// Resolved only where the document goes into it.
			return object{"name": path.Base(name), "mode": gittree.ModeDir, "oid": c.dirID(name), "object": object{
				"__typename": "Tree", "entries": resolver(func(map[string]any) (any, *problem) { return c.children(name), nil }),
			}}
		}
	}
	return nil
}

// dirID names a directory of a commit.
func (c *Commit) dirID(name string) string { return blobID(File{Text: c.OID + " " + name}) }

// dirOf finds the directory that dirID named.
func (s *Server) dirOf(oid string) (*Commit, string) {
	for _, c := range s.Commits {
		for file := range c.Files {
			for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
				if c.dirID(dir) == oid {
					return c, dir
				}
			}
		}
	}
	return nil, ""
}

func (c *Commit) tree(name string) object {
	return object{"__typename": "Tree", "entries": resolver(func(map[string]any) (any, *problem) { return c.children(name), nil })}
}

func (c *Commit) children(name string) (all []object) {
	names := map[string]bool{}
	for file := range c.Files {
		rest, ok := strings.CutPrefix(file, name+"/")
		if name == "." {
			rest, ok = file, true
		}
		if ok {
			first, _, _ := strings.Cut(rest, "/")
			names[first] = true
		}
	}
	for _, child := range slices.Sorted(maps.Keys(names)) {
		all = append(all, c.entry(path.Join(name, child)))
	}
	return all
}
