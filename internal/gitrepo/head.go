package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/gittree"
)

// head is the branch as it was fetched: a [gittree.Source] of its files out of Git's
// object store. Nothing is checked out.
type head struct {
	r       *Repo
	sha     string
	tree    *tree
	entries map[string]gittree.Entry // all of the commit's, without texts
	names   map[string][]string      // what a directory holds
}

// tree is the [Tree] of a head.
type tree struct {
	*gittree.Tree
	h *head
}

// open lists a commit's tree. The texts come when they are asked for.
func (r *Repo) openHead(ctx context.Context, sha string) (*head, error) {
	out, err := r.output(ctx, nil, "ls-tree", "-r", "-t", "-z", "--full-tree", sha)
	if err != nil {
		return nil, err
	}
	h := &head{r: r, sha: sha, entries: map[string]gittree.Entry{".": {Mode: gittree.ModeDir}}, names: map[string][]string{}}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		about, name, _ := strings.Cut(line, "\t") // mode, type, OID
		fields := strings.Fields(about)
		if len(fields) != 3 {
			continue // the tree is empty
		}
		mode, err := strconv.ParseInt(fields[0], 8, 64)
		if err != nil {
			return nil, fmt.Errorf("git ls-tree: %w", err)
		}
		h.entries[name] = gittree.Entry{Name: path.Base(name), Mode: mode, OID: fields[2]}
		h.names[path.Dir(name)] = append(h.names[path.Dir(name)], name)
	}
	h.tree = &tree{gittree.New(ctx, h), h}
	return h, nil
}

// Entries implements [gittree.Source].
func (h *head) Entries(ctx context.Context, paths []string) ([]gittree.Entry, error) {
	var wanted []string
	for _, name := range paths {
		wanted = append(wanted, name)
		wanted = append(wanted, h.names[name]...)
	}
	texts, err := h.r.blobs(ctx, h.oids(wanted))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", strings.Join(paths, ", "), err)
	}
	with := func(name string) gittree.Entry {
		e := h.entries[name]
		e.Text, e.HasText = texts[e.OID]
		return e
	}
	all := make([]gittree.Entry, len(paths))
	for i, name := range paths {
		all[i] = with(name)
		for _, child := range h.names[name] {
			all[i].Entries = append(all[i].Entries, with(child))
		}
	}
	return all, nil
}

// oids are the objects of those paths that are files or links.
func (h *head) oids(names []string) (oids []string) {
	for _, name := range names {
		if e := h.entries[name]; e.Mode != 0 && e.Mode != gittree.ModeDir && e.Mode != gittree.ModeModule {
			oids = append(oids, e.OID)
		}
	}
	return oids
}

// Blob implements [gittree.Source].
func (h *head) Blob(ctx context.Context, oid string) ([]byte, error) {
	texts, err := h.r.blobs(ctx, []string{oid})
	return texts[oid], err
}

// List implements [gittree.Source].
func (h *head) List(_ context.Context, dir, _ string) (found []string, _ error) {
	for name, e := range h.entries {
		if e.Mode != gittree.ModeDir && (dir == "." || strings.HasPrefix(name, dir+"/")) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found, nil
}

// historyDepth is how far back a shallow clone is deepened to see who changed a file last.
const historyDepth = 30

// Messages implements [Tree].
func (t *tree) Messages(ctx context.Context, paths ...string) ([]string, error) {
	r := t.h.r
	if err := r.deepen(ctx); err != nil {
		return nil, fmt.Errorf("bringing the history of %s: %w", r.o.Branch, err)
	}
	out, err := r.git(ctx, nil, append([]string{"log", "--max-count=" + strconv.Itoa(historyDepth), "--format=%B%x00", t.h.sha, "--"}, paths...)...)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00\n"), nil
}

// deepen brings the history of a shallow clone, once: later heads come with what is between.
func (r *Repo) deepen(ctx context.Context) error {
	if r.deep {
		return nil
	}
	shallow, err := r.git(ctx, nil, "rev-parse", "--is-shallow-repository")
	if err == nil && shallow == "true" {
		_, err = r.git(ctx, nil, r.fetchArgs("--deepen="+strconv.Itoa(historyDepth))...)
	}
	r.deep = err == nil
	return err
}

// blobs reads objects, those that a clone without blobs lacks in one fetch. Git names
// contents, so that what was read once is good for every head.
func (r *Repo) blobs(ctx context.Context, oids []string) (map[string][]byte, error) {
	var missing []string
	for _, oid := range oids {
		if _, ok := r.read[oid]; !ok && !slices.Contains(missing, oid) {
			missing = append(missing, oid)
		}
	}
	if len(missing) == 0 {
		return r.read, nil
	}
	list := strings.Join(missing, "\n") + "\n"
	if r.partial {
		if _, err := r.git(ctx, strings.NewReader(list), "-c", "fetch.negotiationAlgorithm=noop",
			"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--no-auto-maintenance", "--filter=blob:none", "--stdin", r.origin); err != nil {
			return nil, err
		}
	}
	out, err := r.output(ctx, strings.NewReader(list), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	for _, oid := range missing {
		// Each is a line "<oid> blob <size>", its bytes, and a line end.
		line, rest, _ := bytes.Cut(out, []byte("\n"))
		_, about, _ := strings.Cut(string(line), " ")
		size, err := strconv.Atoi(strings.TrimPrefix(about, "blob "))
		if err != nil || len(rest) <= size {
			return nil, fmt.Errorf("git cat-file: object %s: %s", oid, about)
		}
		r.read[oid], out = rest[:size], rest[size+1:]
	}
	return r.read, nil
}
