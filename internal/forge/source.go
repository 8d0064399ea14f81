package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/go-github/v66/github"
)

// near is how far apart two commits may be to be told from their histories alone, which are
// 5 KB. Further ones are compared, and with that GitHub sends the changes of up to 300 files.
const near = 50

// Pair asks whether a commit has another in its history, other than itself. Both may be short.
type Pair struct{ Commit, Ancestor string }

// Contains answers each pair of the repository, in one request unless commits are far apart. A
// commit that is not known to GitHub is in no history.
func (c *Client) Contains(ctx context.Context, pairs ...Pair) (map[Pair]bool, error) {
	d := c.about()
	var out struct{ Repository map[string]*history }
	err := c.query(ctx, d.query(d.histories(pairs), ""), d.variables, &out)
	var f faults
	missing := errors.As(err, &f) && f[0].Type == "NOT_FOUND"
	if err != nil && !missing {
		return nil, fmt.Errorf("comparing commits of %s: %w", c.o.Repository, err)
	}
	found := map[Pair]bool{}
	for _, far := range decide(pairs, out.Repository, found) {
		if found[far], err = c.compare(ctx, far.Commit, far.Ancestor); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// history is a commit's newest ancestors, itself among them.
type history struct {
	OID     string
	History struct{ Nodes []struct{ OID string } }
}

func (h *history) has(oid string) bool {
	return slices.ContainsFunc(h.History.Nodes, func(n struct{ OID string }) bool { return n.OID == oid })
}

// histories asks for those of the commits of pairs: the fields c0, c1, ... of their repository.
func (d *document) histories(pairs []Pair) (fields string) {
	for i, sha := range commits(pairs) {
		n := "c" + strconv.Itoa(i)
		fields += " " + n + ": object(expression: " + d.set(n, "String!", sha) + ") { oid ... on Commit { history(first: " + strconv.Itoa(near) + ") { nodes { oid } } } }"
	}
	return fields
}

// commits are those of pairs, each once.
func commits(pairs []Pair) (shas []string) {
	for _, p := range pairs {
		shas = append(shas, p.Commit, p.Ancestor)
	}
	slices.Sort(shas)
	return slices.Compact(shas)
}

// decide finds what [document.histories] brought says of the pairs, and returns those whose
// commits are too far apart.
func decide(pairs []Pair, answer map[string]*history, found map[Pair]bool) (far []Pair) {
	known := map[string]*history{}
	for i, sha := range commits(pairs) {
		known[sha] = answer["c"+strconv.Itoa(i)]
	}
	for _, p := range pairs {
		later, earlier := known[p.Commit], known[p.Ancestor]
		switch {
		case later == nil || earlier == nil || later.OID == earlier.OID:
			found[p] = false
		case later.has(earlier.OID):
			found[p] = true
		case earlier.has(later.OID), len(later.History.Nodes) < near:
			found[p] = false
		default:
			far = append(far, p)
		}
	}
	return far
}

func (c *Client) compare(ctx context.Context, commit, ancestor string) (bool, error) {
	cmp, _, err := c.rest.Repositories.CompareCommits(ctx, c.owner, c.name, ancestor, commit, &github.ListOptions{PerPage: 1})
	if s := status(err); s == http.StatusNotFound || s == http.StatusUnprocessableEntity {
		return false, nil
	}
	if err != nil {
		return false, explain(ctx, "comparing commits of "+c.o.Repository, err)
	}
	return cmp.GetStatus() == "ahead", nil
}

// Comment writes below a commit.
func (c *Client) Comment(ctx context.Context, commit, body string) error {
	_, _, err := c.rest.Repositories.CreateComment(ctx, c.owner, c.name, commit, &github.RepositoryComment{Body: &body})
	if err != nil {
		return explain(ctx, "commenting on commit "+commit, err)
	}
	return nil
}

// Check puts a check that succeeded beside a commit.
func (c *Client) Check(ctx context.Context, commit, name, title, summary string) error {
	_, err := c.SetCheck(ctx, 0, Verdict{Commit: commit, Name: name, State: Success, Title: title, Text: summary})
	return err
}
