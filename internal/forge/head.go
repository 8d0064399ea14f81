package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/buenhyden/hy-home/internal/exit"
)

// head is a branch as one query saw it.
type head struct {
	RepositoryID string
	Branch       string
	Tree         *snapshot
}

// First is what is read along with a head, in the same request.
type First struct {
	Paths []string // their files and directories
	Log   []string // paths whose newest commits' messages are wanted
}

// base asks for a branch with what is read along, and more of its commit, as the field base.
func (d *document) base(branch string, first First, more string) string {
	target := " { name target { oid ... on Commit { oid" + d.pieces(first.Paths) + d.log(first.Log) + more + " } } }"
	if branch == "" {
		return "base: defaultBranchRef" + target
	}
	return "base: ref(qualifiedName: " + d.set("base", "String!", "refs/heads/"+branch) + ")" + target
}

func (c *Client) readHead(ctx context.Context, branch string, first First) (head, error) {
	c.o.Progress("reading " + c.o.Repository)
	d := c.about()
	document := d.query("id "+d.base(branch, first, ""), "")
	var out struct {
		Repository *struct {
			ID   string
			Base *json.RawMessage
		}
	}
	if err := c.query(ctx, document, d.variables, &out); err != nil {
		return head{}, c.unreadable(err)
	}
	if out.Repository == nil {
		return head{}, c.unreadable(errMissing)
	}
	return c.decodeHead(ctx, out.Repository.ID, branch, out.Repository.Base, first)
}

// errMissing is GitHub's silence about a repository.
var errMissing = errors.New("it is not there")

// unreadable makes the sentence for a repository that cannot be read.
func (c *Client) unreadable(err error) error {
	var f faults
	if errors.As(err, &f) && f[0].Type == "NOT_FOUND" || errors.Is(err, errMissing) {
		return exit.BadInputf("repository %q is not there, or the token may not read it (a job's own token reaches no other repository)", c.o.Repository)
	}
	return fmt.Errorf("reading %s: %w", c.o.Repository, err)
}

func (c *Client) decodeHead(ctx context.Context, id, branch string, base *json.RawMessage, first First) (head, error) {
	if base == nil {
		if branch == "" {
			return head{}, exit.BadInputf("repository %q has no default branch (it may be empty): name the branch", c.o.Repository)
		}
		return head{}, exit.BadInputf("branch %q does not exist in repository %q", branch, c.o.Repository)
	}
	var ref struct {
		Name   string
		Target json.RawMessage
	}
	var commit struct{ OID string }
	var found pieces
	err := json.Unmarshal(*base, &ref)
	if err == nil {
		err = errors.Join(json.Unmarshal(ref.Target, &commit), json.Unmarshal(ref.Target, &found))
	}
	if err != nil {
		return head{}, fmt.Errorf("reading %s: %w", c.o.Repository, err)
	}
	h := head{RepositoryID: id, Branch: ref.Name, Tree: c.newSnapshot(ctx, commit.OID)}
	h.Tree.Put(first.Paths, found.entries(first.Paths))
	h.Tree.logged = first.Log
	h.Tree.log, err = messages(ref.Target, len(first.Log))
	return h, err
}
