package forgetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
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
				if v, p = x.resolve(sel, f, len(at) == 0); p != nil {
					x.errors = append(x.errors, object{"type": p.kind, "message": p.message, "path": here})
				}
			}
			out[sel.Alias] = x.value(sel, v, here)
		}
	}
	return out
}

// resolve gives a field's value; what is refused afterwards is done nevertheless.
func (x *execution) resolve(f *ast.Field, with resolver, top bool) (any, *problem) {
	refused := func(after bool) *problem {
		if x.s.Refuse == nil || !top {
			return nil
		}
		if message := x.s.Refuse(f.Name, after); message != "" {
			return &problem{"UNPROCESSABLE", message}
		}
		return nil
	}
	if p := refused(false); p != nil {
		return nil, p
	}
	v, p := with(f.ArgumentMap(x.vars))
	if late := refused(true); p == nil && late != nil {
		return nil, late
	}
	return v, p
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
			switch a["owner"].(string) + "/" + a["name"].(string) {
			case Repository:
			case source:
				return object{"object": resolver(func(a map[string]any) (any, *problem) {
					return s.sourceObject(s.sourceCommit(a["expression"].(string))), nil
				})}, nil
			default:
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

// source is the repository that images are built from.
const source = "acme/app"

func (s *Server) sourceObject(i int) object {
	if i < 0 {
		return nil
	}
	return object{"__typename": "Commit", "oid": s.Source[i], "history": resolver(func(a map[string]any) (any, *problem) {
		nodes := []object{}
		for at := i; at >= 0 && int64(len(nodes)) < a["first"].(int64); at-- {
			nodes = append(nodes, object{"oid": s.Source[at]})
		}
		return object{"nodes": nodes}, nil
	})}
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
