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
	"strings"
	"time"

	"github.com/google/go-github/v66/github"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo"
)

// pieces are what piecesField asked for, by its field names.
type pieces map[string]*treeEntry

// UnmarshalJSON takes the fields p0, p1, ... of a commit and leaves the others.
func (p *pieces) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*p = pieces{}
	for name, value := range fields {
		if len(name) < 2 || name[0] != 'p' || name[1] < '0' || name[1] > '9' || string(value) == "null" {
			continue
		}
		var e treeEntry
		if err := json.Unmarshal(value, &e); err != nil {
			return err
		}
		if e.Object == nil && e.Mode == 0 { // the field tree: the root
			e.Object = new(struct {
				Typename    string `json:"__typename"`
				Text        *string
				IsTruncated bool
				Entries     []treeEntry
			})
			if err := json.Unmarshal(value, e.Object); err != nil {
				return err
			}
		}
		(*p)[name] = &e
	}
	return nil
}

// head is a branch as one query saw it.
type head struct {
	RepositoryID string
	Branch       string
	Tree         *Snapshot
}

// errMoved says that the branch is no more where it was read.
var errMoved = errors.New("the branch moved meanwhile")

// Update changes files on a branch as [gitrepo.Repo.Update] does: intent is asked on the
// newest head, and again whenever another commit came first. paths are loaded with the
// head, so that an intent that needs no others costs one request to read. An empty
// branch is the repository's default branch.
func (c *Client) Update(ctx context.Context, branch string, paths []string, intent gitrepo.Intent) (gitrepo.Result, error) {
	for attempt := 1; ; attempt++ {
		h, err := c.readHead(ctx, branch, paths)
		if err != nil {
			return gitrepo.Result{}, err
		}
		want, err := intent(ctx, h.Tree)
		if err != nil {
			return gitrepo.Result{}, err
		}
		res := gitrepo.Result{Branch: h.Branch, Commit: h.Tree.Commit, Attempts: attempt}
		if len(want.Files) == 0 {
			return res, nil
		}
		c.o.Progress("committing to " + h.Branch)
		res.Commit, err = c.commit(ctx, h, want)
		if err == nil {
			res.Changed = true
			return res, nil
		}
		if again, failed := c.lost(ctx, err, attempt, h.Branch); !again {
			return gitrepo.Result{}, failed
		}
		branch, paths = h.Branch, h.Tree.asked
	}
}

// lost tells whether a commit that failed is worth another try on the new head, and waits
// before it. After a gateway's fault the new head shows whether the commit landed.
func (c *Client) lost(ctx context.Context, err error, attempt int, branch string) (again bool, _ error) {
	var gateway gatewayError
	if !errors.Is(err, errMoved) && !errors.As(err, &gateway) || attempt >= gitrepo.MaxAttempts {
		return false, fmt.Errorf("committing to branch %s of %s: %w", branch, c.o.Repository, err)
	}
	c.o.Progress(fmt.Sprintf("%s moved meanwhile: applying the change to its new head", branch))
	err = c.o.Wait(ctx, gitrepo.Backoff(attempt))
	return err == nil, err
}

// headField asks for a branch with paths of its commit.
func headField(branch, declared, fields string, variables map[string]any) (string, string) {
	target := ` { name target { oid ... on Commit {` + fields + ` } } }`
	if branch == "" {
		return declared, `base: defaultBranchRef` + target
	}
	variables["ref"] = "refs/heads/" + branch
	return declared + `, $ref: String!`, `base: ref(qualifiedName: $ref)` + target
}

type refAnswer struct {
	ID     string
	Name   string
	Target struct {
		OID string
	}
}

func (c *Client) readHead(ctx context.Context, branch string, paths []string) (head, error) {
	c.o.Progress("reading " + c.o.Repository)
	variables := map[string]any{"owner": c.owner, "name": c.name}
	declared, fields := piecesField(paths, variables)
	if fields == "" {
		fields = " oid"
	}
	declared, field := headField(branch, declared, fields, variables)
	document := `query($owner: String!, $name: String!` + declared + `) { repository(owner: $owner, name: $name) { id ` + field + ` } } ` + usedFragment(paths)
	var out struct {
		Repository *struct {
			ID   string
			Base *json.RawMessage
		}
	}
	if err := c.query(ctx, document, variables, &out); err != nil {
		return head{}, c.unreadable(err)
	}
	if out.Repository == nil {
		return head{}, c.unreadable(errors.New("it is not there"))
	}
	return c.decodeHead(ctx, out.Repository.ID, branch, out.Repository.Base, paths)
}

// unreadable makes the sentence for a repository that cannot be read.
func (c *Client) unreadable(err error) error {
	var f faults
	if errors.As(err, &f) && f[0].Type == "NOT_FOUND" || err.Error() == "it is not there" {
		return exit.BadInputf("repository %q is not there, or the token may not read it (a job's own token reaches no other repository)", c.o.Repository)
	}
	return fmt.Errorf("reading %s: %w", c.o.Repository, err)
}

func (c *Client) decodeHead(ctx context.Context, id, branch string, base *json.RawMessage, paths []string) (head, error) {
	if base == nil {
		if branch == "" {
			return head{}, exit.BadInputf("repository %q has no default branch (it may be empty): name the branch", c.o.Repository)
		}
		return head{}, exit.BadInputf("branch %q does not exist in repository %q", branch, c.o.Repository)
	}
	var ref refAnswer
	var tree struct{ Target pieces }
	if err := errors.Join(json.Unmarshal(*base, &ref), json.Unmarshal(*base, &tree)); err != nil {
		return head{}, fmt.Errorf("reading %s: %w", c.o.Repository, err)
	}
	h := head{RepositoryID: id, Branch: ref.Name, Tree: c.newSnapshot(ctx, ref.Target.OID)}
	return h, h.Tree.put(ctx, paths, tree.Target)
}

// commit puts files on a branch whose head is as it was read.
func (c *Client) commit(ctx context.Context, h head, want gitrepo.Commit) (string, error) {
	if plain(h.Tree, want) {
		return c.commitOnBranch(ctx, h, want, false)
	}
	oid, err := c.commitObject(ctx, h.Tree, want)
	if err != nil {
		return "", err
	}
	_, _, err = c.rest.Git.UpdateRef(ctx, c.owner, c.name, &github.Reference{Ref: github.String("heads/" + h.Branch), Object: &github.GitObject{SHA: &oid}}, false)
	if status(err) == http.StatusUnprocessableEntity && strings.Contains(err.Error(), "fast forward") {
		return "", errMoved
	}
	if err != nil {
		return "", explain(ctx, "moving the branch", err)
	}
	return oid, c.landed(ctx, h.Branch, oid)
}

// plain tells whether all files have the one mode that createCommitOnBranch writes.
func plain(tree *Snapshot, want gitrepo.Commit) bool {
	for name := range want.Files {
		if tree.mode(name) != modeRegular {
			return false
		}
	}
	return true
}

// commitOnBranch is GraphQL's way: atomic on the head, and signed by GitHub. With create the
// branch is made at that head first, in the same request. The answer holds what
// the branch has now, which spares a request to read it back.
func (c *Client) commitOnBranch(ctx context.Context, h head, want gitrepo.Commit, create bool) (string, error) {
	headline, body, _ := strings.Cut(want.Message, "\n")
	var additions []map[string]string
	names := slices.Sorted(maps.Keys(want.Files))
	for _, name := range names {
		additions = append(additions, map[string]string{"path": name, "contents": base64.StdEncoding.EncodeToString(want.Files[name])})
	}
	variables := map[string]any{"commit": map[string]any{
		"branch":          map[string]string{"repositoryNameWithOwner": c.o.Repository, "branchName": h.Branch},
		"expectedHeadOid": h.Tree.Commit,
		"message":         map[string]string{"headline": headline, "body": strings.TrimSpace(body)},
		"fileChanges":     map[string]any{"additions": additions},
	}}
	declared, made := "", ""
	if create {
		declared, made = ", $create: CreateRefInput!", "create: createRef(input: $create) { ref { id } } "
		variables["create"] = map[string]string{"repositoryId": h.RepositoryID, "name": "refs/heads/" + h.Branch, "oid": h.Tree.Commit}
	}
	files := ""
	for i, name := range names {
		files += fmt.Sprintf(" f%d: file(path: $f%d) { oid }", i, i)
		declared += fmt.Sprintf(", $f%d: String!", i)
		variables[fmt.Sprintf("f%d", i)] = name
	}
	document := `mutation($commit: CreateCommitOnBranchInput!` + declared + `) { ` + made + `commit: createCommitOnBranch(input: $commit) { commit { oid` + files + ` } ref { target { oid } } } }`
	var out struct {
		Commit *struct {
			Commit map[string]json.RawMessage
			Ref    *struct{ Target struct{ OID string } }
		}
	}
	err := c.graphql(ctx, document, variables, &out)
	var f faults
	if errors.As(err, &f) {
		if moved(f) {
			return "", errMoved
		}
		return "", f
	}
	if err != nil {
		return "", err
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
		if file.OID != BlobID(want.Files[name]) {
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
func (c *Client) commitObject(ctx context.Context, tree *Snapshot, want gitrepo.Commit) (string, error) {
	var entries []*github.TreeEntry
	for _, name := range slices.Sorted(maps.Keys(want.Files)) {
		entries = append(entries, &github.TreeEntry{
			Path: github.String(name), Type: github.String("blob"),
			Mode: github.String(fmt.Sprintf("%06o", tree.mode(name))), Content: github.String(string(want.Files[name])),
		})
	}
	made, _, err := c.rest.Git.CreateTree(ctx, c.owner, c.name, tree.Commit, entries)
	if err != nil {
		return "", explain(ctx, "writing a tree", err)
	}
	commit, _, err := c.rest.Git.CreateCommit(ctx, c.owner, c.name, &github.Commit{
		Message: github.String(want.Message), Tree: made, Parents: []*github.Commit{{SHA: &tree.Commit}},
	}, nil)
	if err != nil {
		return "", explain(ctx, "writing a commit", err)
	}
	return commit.GetSHA(), nil
}

// landed reads the branch back until it holds a commit: GitHub's answers may lag a
// moment behind its writes.
func (c *Client) landed(ctx context.Context, branch, oid string) error {
	const document = `query($owner: String!, $name: String!, $ref: String!, $oid: String!) { repository(owner: $owner, name: $name) { ref(qualifiedName: $ref) { target { oid } compare(headRef: $oid) { status } } } }`
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
		err := c.query(ctx, document, map[string]any{"owner": c.owner, "name": c.name, "ref": "refs/heads/" + branch, "oid": oid}, &out)
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
