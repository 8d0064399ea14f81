package forge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v66/github"

	"github.com/buenhyden/hy-home/internal/gitrepo"
	"github.com/buenhyden/hy-home/internal/gittree"
)

// commit puts files on a branch whose head is as it was read.
func (c *Client) commit(ctx context.Context, h head, want gitrepo.Commit) (string, error) {
	if plain(h.Tree, want) {
		return c.commitOnBranch(ctx, h, want, nil)
	}
	oid, err := c.commitObject(ctx, h.Tree, want)
	if err != nil {
		return "", err
	}
	_, _, err = c.rest.Git.UpdateRef(ctx, c.owner, c.name, &github.Reference{Ref: github.String("heads/" + h.Branch), Object: &github.GitObject{SHA: &oid}}, false)
	if status(err) == http.StatusUnprocessableEntity && strings.Contains(err.Error(), "fast forward") {
		return "", gitrepo.ErrMoved
	}
	if err != nil {
		return "", explain(ctx, "moving the branch", err)
	}
	return oid, c.landed(ctx, h.Branch, oid)
}

// plain tells whether all files have the one mode that createCommitOnBranch writes.
func plain(tree *snapshot, want gitrepo.Commit) bool {
	for name := range want.Files {
		if tree.Mode(name) != gittree.ModeFile {
			return false
		}
	}
	return true
}

// commitOnBranch is GraphQL's way: atomic on the head, and signed by GitHub. For a proposal
// the branch is made at that head first and the pull request opened at last, in the same
// request. The answer holds what the branch has now, which spares a request to read it back.
func (c *Client) commitOnBranch(ctx context.Context, h head, want gitrepo.Commit, o *opening) (string, error) {
	headline, body, _ := strings.Cut(want.Message, "\n")
	var additions []map[string]string
	names := slices.Sorted(maps.Keys(want.Files))
	for _, name := range names {
		additions = append(additions, map[string]string{"path": name, "contents": base64.StdEncoding.EncodeToString(want.Files[name])})
	}
	d := &document{}
	var fields []string
	if o != nil {
		fields = append(fields, "create: createRef(input: "+d.set("create", "CreateRefInput!", map[string]string{
			"repositoryId": h.RepositoryID, "name": "refs/heads/" + h.Branch, "oid": h.Tree.commit,
		})+") { ref { id } }")
	}
	files := ""
	for i, name := range names {
		n := "f" + strconv.Itoa(i)
		files += " " + n + ": file(path: " + d.set(n, "String!", name) + ") { oid }"
	}
	fields = append(fields, "commit: createCommitOnBranch(input: "+d.set("commit", "CreateCommitOnBranchInput!", map[string]any{
		"branch":          map[string]string{"repositoryNameWithOwner": c.o.Repository, "branchName": h.Branch},
		"expectedHeadOid": h.Tree.commit,
		"message":         map[string]string{"headline": headline, "body": strings.TrimSpace(body)},
		"fileChanges":     map[string]any{"additions": additions},
	})+") { commit { oid"+files+" } ref { target { oid } } }")
	if o != nil {
		fields = append(fields, o.field(d))
	}
	var out struct {
		Pull   *struct{ PullRequest pullAnswer }
		Commit *struct {
			Commit map[string]json.RawMessage
			Ref    *struct{ Target struct{ OID string } }
		}
	}
	err := c.graphql(ctx, d.mutation(fields...), d.variables, &out)
	var f faults
	switch {
	case errors.As(err, &f) && len(f.at("pull")) < len(f):
		if moved(f) {
			return "", gitrepo.ErrMoved
		}
		return "", f
	case f != nil: // the commit is there, and the pull request will be opened by itself
		c.o.Log.Debug("opening the pull request with the commit", "error", f)
	case err != nil:
		return "", err
	}
	if o != nil && out.Pull != nil {
		o.opened = &out.Pull.PullRequest
	}
	if out.Commit == nil || out.Commit.Commit == nil {
		return "", errors.New("GitHub answered without a commit")
	}
	var oid string
	if err := json.Unmarshal(out.Commit.Commit["oid"], &oid); err != nil {
		return "", fmt.Errorf("GitHub's answer: %w", err)
	}
	for i, name := range names {
		var file struct{ OID string }
		_ = json.Unmarshal(out.Commit.Commit[fmt.Sprintf("f%d", i)], &file)
		if file.OID != gittree.BlobID(want.Files[name]) {
			return "", fmt.Errorf("GitHub said yes, but commit %s holds another %s than was sent", oid, name)
		}
	}
	if r := out.Commit.Ref; r != nil && r.Target.OID == oid {
		return oid, nil
	}
	return oid, c.landed(ctx, h.Branch, oid)
}

// moved tells a head that is not as expected from other faults. GitHub says it with the
// type STALE_DATA, or in words only; they come even with the right head, while its
// caches disagree: another try is right then, too.
func moved(f faults) bool {
	return slices.ContainsFunc(f, func(e fault) bool {
		return e.Type == "STALE_DATA" || strings.Contains(e.Message, "Expected branch to point to") || strings.Contains(e.Message, "already exists in the repository") ||
			strings.Contains(e.Message, "is at ") && strings.Contains(e.Message, "but expected")
	})
}

// commitObject makes a commit on a tree's own by the Git Data API, not yet on any branch:
// with modes as they are, and texts in the tree's own request.
func (c *Client) commitObject(ctx context.Context, tree *snapshot, want gitrepo.Commit) (string, error) {
	var entries []*github.TreeEntry
	for _, name := range slices.Sorted(maps.Keys(want.Files)) {
		entries = append(entries, &github.TreeEntry{
			Path: github.String(name), Type: github.String("blob"),
			Mode: github.String(fmt.Sprintf("%06o", tree.Mode(name))), Content: github.String(string(want.Files[name])),
		})
	}
	made, _, err := c.rest.Git.CreateTree(ctx, c.owner, c.name, tree.commit, entries)
	if err != nil {
		return "", explain(ctx, "writing a tree", err)
	}
	commit, _, err := c.rest.Git.CreateCommit(ctx, c.owner, c.name, &github.Commit{
		Message: github.String(want.Message), Tree: made, Parents: []*github.Commit{{SHA: &tree.commit}},
	}, nil)
	if err != nil {
		return "", explain(ctx, "writing a commit", err)
	}
	return commit.GetSHA(), nil
}

// landed reads the branch back until it holds a commit: GitHub's answers may lag a
// moment behind its writes.
func (c *Client) landed(ctx context.Context, branch, oid string) error {
	d := c.about()
	document := d.query("ref(qualifiedName: "+d.set("ref", "String!", "refs/heads/"+branch)+") { target { oid } compare(headRef: "+d.set("oid", "String!", oid)+") { status } }", "")
	const attempts = 5
	for attempt := 1; ; attempt++ {
		var out struct {
			Repository struct {
				Ref *struct {
					Target  struct{ OID string }
					Compare *struct{ Status string }
				}
			}
		}
		err := c.query(ctx, document, d.variables, &out)
		if r := out.Repository.Ref; err == nil && r != nil && (r.Target.OID == oid || r.Compare != nil && (r.Compare.Status == "BEHIND" || r.Compare.Status == "IDENTICAL")) {
			return nil
		}
		if attempt == attempts {
			if err != nil {
				return fmt.Errorf("reading branch %s back: %w", branch, err)
			}
			return fmt.Errorf("GitHub said yes, but branch %s of %s does not hold commit %s", branch, c.o.Repository, oid)
		}
		if err := c.o.Wait(ctx, time.Duration(attempt)*500*time.Millisecond); err != nil {
			return err
		}
	}
}
