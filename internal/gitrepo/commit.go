package gitrepo

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gittree"
)

// commit makes what an update wants a commit on top of a head, on no branch yet. It needs
// no work tree: one process writes the files, their directories and the commit, and no
// filter, line end setting or hook of the machine comes near the bytes.
func (r *Repo) commit(ctx context.Context, h *head, want Commit) (sha string, err error) {
	stream, err := r.stream(h, want)
	if err != nil {
		return "", err
	}
	if sha, err = r.git(ctx, stream, "fast-import", "--quiet", "--date-format=now"); err != nil || !r.sign {
		return sha, err
	}
	// commit.gpgsign is set, and fast-import knows nothing of it.
	return r.git(ctx, strings.NewReader(want.Message), "commit-tree", "-S", "-p", h.sha, "-F", "-", sha+"^{tree}")
}

// tempRef names a reference that nobody else uses.
func tempRef() string { return "refs/hyaction/" + strings.ToLower(rand.Text()) }

// quoted escapes what would end a path between quotes.
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// stream is what git fast-import reads: a commit on a reference that only lives as long.
func (r *Repo) stream(h *head, want Commit) (*strings.Reader, error) {
	ref := tempRef()
	var s strings.Builder
	fmt.Fprintf(&s, "feature done\ncommit %s\nmark :1\ncommitter %s <%s> now\n", ref, r.name, r.email)
	data := func(text string) { fmt.Fprintf(&s, "data %d\n%s\n", len(text), text) }
	data(want.Message)
	fmt.Fprintf(&s, "from %s\n", h.sha)
	for _, name := range slices.Sorted(maps.Keys(want.Files)) {
		info, err := CheckPath(h.tree, name)
		if err != nil {
			return nil, err
		}
		mode := gittree.ModeFile
		switch {
		case info.Mode()&fs.ModeType != 0:
			return nil, exit.BadInputf("%s is not a regular file", name)
		case info.Mode()&0o100 != 0:
			mode = gittree.ModeExecutable
		}
		fmt.Fprintf(&s, "M %06o inline %s\n", mode, `"`+quoted.Replace(name)+`"`)
		data(string(want.Files[name]))
	}
	// The reference is deleted by pointing it at nothing.
	fmt.Fprintf(&s, "get-mark :1\nreset %s\nfrom %s\n\ndone\n", ref, strings.Repeat("0", len(h.sha)))
	return strings.NewReader(s.String()), nil
}
