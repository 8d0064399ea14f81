package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/gittree"
)

// snapshot is the tree of one commit, and a [gittree.Source] of it by the API.
type snapshot struct {
	*gittree.Tree
	commit string // SHA
	c      *Client
	looks  int      // how often entries were asked for, after the head
	all    *archive // nil as long as it is not needed, and if it cannot be had
	log    []string // what was read along with the head of the history
	logged []string // the paths that it is of
	beside *question
}

// question is what another repository has to answer along with the next entries.
type question struct {
	owner, name string
	pairs       []Pair
	found       map[Pair]bool
}

// Beside has pairs of another repository answered along with what is brought next, if anything is
// and if the token can see that repository: then found holds those that are decided.
func (s *snapshot) Beside(repository string, pairs []Pair, found map[Pair]bool) {
	owner, name, _ := strings.Cut(repository, "/")
	s.beside = &question{owner, name, pairs, found}
}

func (c *Client) newSnapshot(ctx context.Context, commit string) *snapshot {
	s := &snapshot{commit: commit, c: c}
	s.Tree = gittree.New(ctx, s)
	return s
}

// Entries implements [gittree.Source], in one request. Whoever comes back a second time
// follows references level by level: then everything is brought at once, so that no tree takes
// more than two requests beside the one that read the head. What an archive leaves out
// (export-ignore) is asked for by its name.
func (s *snapshot) Entries(ctx context.Context, names []string) ([]gittree.Entry, error) {
	const again = 2
	if s.looks++; s.looks == again {
		all, err := s.unpack(ctx)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if s.all = all; err != nil {
			s.c.o.Log.Debug("reading level by level", "reason", err)
		}
	}
	if s.all == nil {
		return s.entries(ctx, names)
	}
	found := make([]gittree.Entry, len(names))
	var missing []string
	for i, name := range names {
		var ok bool
		if found[i], ok = s.all.entry(name); !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	more, err := s.entries(ctx, missing)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if found[i].Mode == 0 {
			found[i], more = more[0], more[1:]
		}
	}
	return found, nil
}

func (s *snapshot) entries(ctx context.Context, names []string) ([]gittree.Entry, error) {
	d := s.c.about()
	fields := "object(oid: " + d.set("commit", "GitObjectID!", s.commit) + ") { ... on Commit { oid" + d.pieces(names) + " } }"
	outside, q := "", s.beside
	if s.beside = nil; q != nil {
		outside = "source: repository(owner: " + d.set("sourceOwner", "String!", q.owner) + ", name: " + d.set("sourceName", "String!", q.name) + ") {" + d.histories(q.pairs) + " }"
	}
	var out struct {
		Repository struct{ Object pieces }
		Source     map[string]*history
	}
	err := s.c.query(ctx, d.query(fields, outside), d.variables, &out)
	var f faults
	switch {
	case errors.As(err, &f) && len(f.at("source")) == len(f):
		s.c.o.Log.Debug("asking the source repository along with the files", "error", f)
	case err != nil:
		return nil, fmt.Errorf("reading %s of %s: %w", strings.Join(names, ", "), s.c.o.Repository, err)
	case out.Source != nil:
		decide(q.pairs, out.Source, q.found)
	}
	return out.Repository.Object.entries(names), nil
}

// Blob implements [gittree.Source]: for what GraphQL cannot give, a file that is long, or
// not in UTF-8.
func (s *snapshot) Blob(ctx context.Context, oid string) ([]byte, error) {
	text, _, err := s.c.rest.Git.GetBlobRaw(ctx, s.c.owner, s.c.name, oid)
	if err != nil {
		return nil, explain(ctx, "reading a file of "+s.c.o.Repository, err)
	}
	return text, nil
}

// List implements [gittree.Source]. GraphQL goes down a level at a time; the Git Data API
// lists them all.
func (s *snapshot) List(ctx context.Context, dir, oid string) (found []string, _ error) {
	if dir == "." {
		oid = s.commit
	}
	list, _, err := s.c.rest.Git.GetTree(ctx, s.c.owner, s.c.name, oid, true)
	if err != nil {
		return nil, explain(ctx, "listing "+dir+" of "+s.c.o.Repository, err)
	}
	if list.GetTruncated() {
		return nil, fmt.Errorf("listing %s of %s: GitHub lists no more than 100,000 files: name a directory further down", dir, s.c.o.Repository)
	}
	for _, e := range list.Entries {
		if e.GetType() == "blob" {
			found = append(found, strings.TrimPrefix(dir+"/"+e.GetPath(), "./"))
		}
	}
	return found, nil
}

// historyDepth is how many commits of a path are read to see who changed it last.
const historyDepth = 10

// log asks for the newest commits that changed a path: the fields h0, h1, ... of a commit.
func (d *document) log(paths []string) (fields string) {
	for i, name := range paths {
		n := "h" + strconv.Itoa(i)
		fields += fmt.Sprintf(" %s: history(first: %d, path: %s) { nodes { message } }", n, historyDepth, d.set(n, "String!", name))
	}
	return fields
}

// Messages implements [gitrepo.Tree].
func (s *snapshot) Messages(ctx context.Context, paths ...string) ([]string, error) {
	if slices.Equal(paths, s.logged) {
		return s.log, nil
	}
	d := s.c.about()
	fields := "object(oid: " + d.set("commit", "GitObjectID!", s.commit) + ") { ... on Commit { oid" + d.log(paths) + " } }"
	var out struct {
		Repository struct{ Object json.RawMessage }
	}
	if err := s.c.query(ctx, d.query(fields, ""), d.variables, &out); err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", s.c.o.Repository, err)
	}
	return messages(out.Repository.Object, len(paths))
}

// messages are what [document.log] brought.
func messages(commit json.RawMessage, paths int) (all []string, _ error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(commit, &fields); err != nil {
		return nil, err
	}
	for i := range paths {
		var history struct {
			Nodes []struct{ Message string }
		}
		if text := fields["h"+strconv.Itoa(i)]; text != nil {
			if err := json.Unmarshal(text, &history); err != nil {
				return nil, err
			}
		}
		for _, n := range history.Nodes {
			all = append(all, n.Message)
		}
	}
	return all, nil
}
