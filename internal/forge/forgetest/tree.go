package forgetest

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/gittree"
)

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
