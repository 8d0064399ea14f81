package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/gitrepo"
)

// Mark stands in the message of each commit on a branch of ours: a branch with any
// other commit belongs to people, and is never moved by force.
const Mark = "Bumped-by: hyaction"

// Pull says how to propose an update.
type Pull struct {
	Base   string // "" is the default branch
	Branch string // that holds the update; always the same for the same update
	Draft  bool
	Extras Extras
	// Describe gives title and body once the intent has been asked.
	Describe func() (title, body string)
}

// Proposed is what became of a proposal.
type Proposed struct {
	gitrepo.Result        // Branch and Commit are those of the proposal; Changed tells whether a commit was made
	Operation      string // created, updated, closed or none
	Number         int
	URL            string
	Merged         bool // at once, since nothing was to be waited for
	Warnings       []string

	id string // GitHub's node ID
}

// pullState is what one query saw.
type pullState struct {
	base  head
	refID string // of the branch; "" if there is none
	head  string // its commit
	files pieces // its files, at the paths asked for
	ours  bool   // no commit of others is on it
	fresh bool   // its base is the base branch's head
	ahead int
	pull  *pullAnswer
	ids   extraIDs
}

type pullAnswer struct {
	ID     string
	Number int
	URL    string
	Title  string
	Body   string
}

// Propose puts an update on a branch of its own and opens a pull request for it, or
// brings both up to date. If the base branch has the update already, the pull request
// is closed. Commits of others on the branch are built upon, never replaced.
func (c *Client) Propose(ctx context.Context, p Pull, paths []string, intent gitrepo.Intent) (Proposed, error) {
	for attempt := 1; ; attempt++ {
		s, err := c.readPull(ctx, p, paths)
		if err != nil {
			return Proposed{}, err
		}
		want, err := intent(ctx, s.base.Tree)
		if err != nil {
			return Proposed{}, err
		}
		res := Proposed{Operation: "none", Result: gitrepo.Result{Branch: p.Branch, Commit: s.head, Attempts: attempt}}
		if s.pull != nil {
			res.Number, res.URL = s.pull.Number, s.pull.URL
		}
		if len(want.Files) == 0 {
			return c.retire(ctx, p, s, res)
		}
		err = c.carry(ctx, p, s, want, intent, &res)
		if err == nil {
			return res, c.present(ctx, p, s, &res)
		}
		if again, failed := c.lost(ctx, err, attempt, p.Branch); !again {
			return Proposed{}, failed
		}
		p.Base, paths = s.base.Branch, s.base.Tree.asked
	}
}

// retire closes a pull request that has become pointless, with its branch.
func (c *Client) retire(ctx context.Context, p Pull, s pullState, res Proposed) (Proposed, error) {
	res.Branch, res.Commit = s.base.Branch, s.base.Tree.Commit
	switch {
	case s.refID == "":
		return res, nil
	case !s.ours:
		res.Warnings = append(res.Warnings, fmt.Sprintf("%s has the images already; branch %s has commits of others and is left alone", s.base.Branch, p.Branch))
		return res, nil
	}
	declared, fields, variables := "$ref: ID!", "", map[string]any{"ref": s.refID}
	if s.pull != nil {
		declared += ", $pull: ID!, $why: String!"
		variables["pull"], variables["why"] = s.pull.ID, fmt.Sprintf("`%s` has these images already.", s.base.Branch)
		fields = "comment: addComment(input: {subjectId: $pull, body: $why}) { clientMutationId } close: closePullRequest(input: {pullRequestId: $pull}) { clientMutationId } "
		res.Operation = "closed"
	}
	var none struct{}
	err := c.graphql(ctx, "mutation("+declared+") { "+fields+"delete: deleteRef(input: {refId: $ref}) { clientMutationId } }", variables, &none)
	if err != nil {
		return Proposed{}, fmt.Errorf("closing the pull request of %s: %w", p.Branch, err)
	}
	return res, nil
}

// carry brings the branch to hold the update.
func (c *Client) carry(ctx context.Context, p Pull, s pullState, want gitrepo.Commit, intent gitrepo.Intent, res *Proposed) (err error) {
	want.Message = marked(want.Message)
	onto := head{RepositoryID: s.base.RepositoryID, Branch: p.Branch, Tree: s.base.Tree}
	switch {
	case s.refID == "":
		c.o.Progress("making branch " + p.Branch)
		if plain(onto.Tree, want) {
			res.Commit, err = c.commitOnBranch(ctx, onto, want, true)
		} else if res.Commit, err = c.commitObject(ctx, onto.Tree, want); err == nil {
			err = c.moveRef(ctx, onto, "", res.Commit)
		}
	case !s.ours:
		// On top of what others did, if that does not hold the update already.
		onto.Tree = c.newSnapshot(ctx, s.head)
		if want, err = intent(ctx, onto.Tree); err != nil || len(want.Files) == 0 {
			return err
		}
		want.Message = marked(want.Message)
		res.Warnings = append(res.Warnings, fmt.Sprintf("branch %s has commits of others: the change is added to them", p.Branch))
		res.Commit, err = c.commit(ctx, onto, want)
	case s.fresh && s.ahead > 0 && s.holds(want):
		return nil
	default:
		c.o.Progress("moving branch " + p.Branch + " onto " + s.base.Branch)
		if res.Commit, err = c.commitObject(ctx, onto.Tree, want); err == nil {
			err = c.moveRef(ctx, onto, s.head, res.Commit)
		}
	}
	res.Changed = err == nil
	return err
}

func marked(message string) string {
	if strings.Contains(message, Mark) {
		return message
	}
	return strings.TrimRight(message, "\n") + "\n\n" + Mark + "\n"
}

// holds tells whether the branch has the wanted files already.
func (s pullState) holds(want gitrepo.Commit) bool {
	have := map[string]string{}
	for i, name := range s.base.Tree.asked {
		if e := s.files[fmt.Sprintf("p%d", i)]; e != nil {
			have[name] = e.OID
			if e.Object != nil {
				for _, child := range e.Object.Entries {
					have[strings.TrimPrefix(name+"/"+child.Name, "./")] = child.OID
				}
			}
		}
	}
	for name, text := range want.Files {
		if have[name] != BlobID(text) {
			return false
		}
	}
	return true
}

// moveRef moves a branch to a commit if it is where it was read; from "" makes it.
func (c *Client) moveRef(ctx context.Context, h head, from, to string) error {
	if from == "" {
		from = strings.Repeat("0", len(to))
	}
	var none struct{}
	err := c.graphql(ctx, `mutation($move: UpdateRefsInput!) { move: updateRefs(input: $move) { clientMutationId } }`, map[string]any{"move": map[string]any{
		"repositoryId": h.RepositoryID,
		"refUpdates":   []map[string]any{{"name": "refs/heads/" + h.Branch, "beforeOid": from, "afterOid": to, "force": true}},
	}}, &none)
	var f faults
	if errors.As(err, &f) && (moved(f) || strings.Contains(f.Error(), "beforeOid") || strings.Contains(f.Error(), "not match")) {
		return errMoved
	}
	return err
}

// present opens the pull request or brings its text up to date.
func (c *Client) present(ctx context.Context, p Pull, s pullState, res *Proposed) error {
	title, body := p.Describe()
	if s.pull == nil {
		if err := c.openPull(ctx, p, s, title, body, res); err != nil {
			return err
		}
		return c.dress(ctx, p.Extras, s.ids, res)
	}
	if res.Changed {
		res.Operation = "updated"
	}
	if s.pull.Title == title && s.pull.Body == body {
		return nil
	}
	res.Operation = "updated"
	var none struct{}
	err := c.graphql(ctx, `mutation($pull: UpdatePullRequestInput!) { pull: updatePullRequest(input: $pull) { clientMutationId } }`,
		map[string]any{"pull": map[string]any{"pullRequestId": s.pull.ID, "title": title, "body": body}}, &none)
	if err != nil {
		return fmt.Errorf("updating pull request %d: %w", s.pull.Number, err)
	}
	return nil
}

// openPull creates the pull request. It tries again while GitHub does not see the branch
// yet, and takes the one that somebody else opened in between.
func (c *Client) openPull(ctx context.Context, p Pull, s pullState, title, body string, res *Proposed) error {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		var out struct {
			Pull *struct{ PullRequest pullAnswer }
		}
		err := c.graphql(ctx, `mutation($pull: CreatePullRequestInput!) { pull: createPullRequest(input: $pull) { pullRequest { id number url } } }`,
			map[string]any{"pull": map[string]any{"repositoryId": s.base.RepositoryID, "baseRefName": s.base.Branch, "headRefName": p.Branch, "title": title, "body": body, "draft": p.Draft}}, &out)
		if err == nil && out.Pull != nil {
			pull := out.Pull.PullRequest
			res.Operation, res.Number, res.URL, res.id = "created", pull.Number, pull.URL, pull.ID
			return nil
		}
		var f faults
		var gateway gatewayError
		if !errors.As(err, &f) && !errors.As(err, &gateway) {
			return fmt.Errorf("opening a pull request for %s: %w", p.Branch, err)
		}
		if strings.Contains(err.Error(), "already exists") || gateway.status != 0 {
			now, failed := c.readPull(ctx, p, nil)
			if failed == nil && now.pull != nil {
				res.Operation, res.Number, res.URL, res.id = "updated", now.pull.Number, now.pull.URL, now.pull.ID
				return nil
			}
		} else if !lagging(f) {
			return fmt.Errorf("opening a pull request for %s: %w", p.Branch, err)
		}
		if attempt == attempts {
			return fmt.Errorf("opening a pull request for %s: %w", p.Branch, err)
		}
		if err := c.o.Wait(ctx, time.Duration(attempt)*time.Second); err != nil {
			return err
		}
	}
}

// lagging tells faults that come while GitHub has not seen its own last write.
func lagging(f faults) bool {
	return slices.ContainsFunc(f, func(e fault) bool {
		return strings.Contains(e.Message, "Could not resolve to a node") || strings.Contains(e.Message, "No commits between") ||
			strings.Contains(e.Message, "Head sha can't be blank") || strings.Contains(e.Message, "Head ref must be a branch")
	})
}

// readPull reads the base branch, the branch and its pull request in one query.
func (c *Client) readPull(ctx context.Context, p Pull, paths []string) (pullState, error) {
	c.o.Progress("reading " + c.o.Repository)
	variables := map[string]any{"owner": c.owner, "name": c.name, "head": "refs/heads/" + p.Branch, "branch": p.Branch}
	declared, fields := piecesField(paths, variables)
	// compare wants a branch or a commit of the repository: ours, if there is one.
	declared, base := headField(p.Base, declared, " oid"+fields, variables)
	oids := strings.ReplaceAll(strings.ReplaceAll(fields, "{ ...entry }", "{ ...names }"), blobFields, "")
	extraDeclared, extraFields, outside := p.Extras.fields(c.owner, variables)
	document := `query($owner: String!, $name: String!, $head: String!, $branch: String!` + declared + extraDeclared + `) { repository(owner: $owner, name: $name) { id ` + base +
		` head: ref(qualifiedName: $head) { id target { oid ... on Commit { tree { oid }` + oids + ` } } }` +
		` pullRequests(headRefName: $branch, states: OPEN, first: 5) { nodes { id number url title body baseRefName isCrossRepository } }` + extraFields + ` }` + outside + ` } ` +
		usedFragment(paths)
	if usedFragment(paths) != "" {
		document += ` fragment names on TreeEntry { name mode oid object { __typename ... on Tree { entries { name mode oid } } } }`
	}
	var out struct {
		Repository *struct {
			ID   string
			Base *json.RawMessage
			Head *struct {
				ID     string
				Target json.RawMessage
			}
			PullRequests struct {
				Nodes []struct {
					pullAnswer
					BaseRefName       string
					IsCrossRepository bool
				}
			}
		}
	}
	var all json.RawMessage
	err := c.query(ctx, document, variables, &all)
	var f faults
	if errors.As(err, &f) && len(f.at("repository")) < len(f) || err == nil || len(f) > 0 && onlyExtras(f) {
		err = json.Unmarshal(all, &out)
	}
	if err != nil {
		return pullState{}, c.unreadable(err)
	}
	if out.Repository == nil {
		return pullState{}, c.unreadable(errors.New("it is not there"))
	}
	s := pullState{}
	if s.base, err = c.decodeHead(ctx, out.Repository.ID, p.Base, out.Repository.Base, paths); err != nil {
		return pullState{}, err
	}
	s.ids = p.Extras.resolve(all)
	for _, n := range out.Repository.PullRequests.Nodes {
		if n.BaseRefName == s.base.Branch && !n.IsCrossRepository {
			s.pull = &n.pullAnswer
		}
	}
	if h := out.Repository.Head; h != nil {
		var target struct{ OID string }
		if err := errors.Join(json.Unmarshal(h.Target, &target), json.Unmarshal(h.Target, &s.files)); err != nil {
			return pullState{}, fmt.Errorf("reading branch %s: %w", p.Branch, err)
		}
		s.refID, s.head = h.ID, target.OID
		return s, c.compareBranch(ctx, p.Branch, &s)
	}
	return s, nil
}

// compareBranch tells whose commits a branch has, and whether its base is the newest.
func (c *Client) compareBranch(ctx context.Context, branch string, s *pullState) error {
	const document = `query($owner: String!, $name: String!, $ref: String!, $head: String!) { repository(owner: $owner, name: $name) { ref(qualifiedName: $ref) { compare(headRef: $head) { aheadBy behindBy commits(first: 100) { nodes { message } } } } } }`
	var out struct {
		Repository struct {
			Ref *struct {
				Compare *struct {
					AheadBy, BehindBy int
					Commits           struct {
						Nodes []struct{ Message string }
					}
				}
			}
		}
	}
	err := c.query(ctx, document, map[string]any{"owner": c.owner, "name": c.name, "ref": "refs/heads/" + s.base.Branch, "head": s.head}, &out)
	if err != nil {
		return fmt.Errorf("comparing %s with %s: %w", branch, s.base.Branch, err)
	}
	if out.Repository.Ref == nil || out.Repository.Ref.Compare == nil {
		return fmt.Errorf("comparing %s with %s: GitHub cannot tell", branch, s.base.Branch)
	}
	cmp := out.Repository.Ref.Compare
	s.fresh, s.ahead, s.ours = cmp.BehindBy == 0, cmp.AheadBy, cmp.AheadBy == len(cmp.Commits.Nodes)
	for _, n := range cmp.Commits.Nodes {
		s.ours = s.ours && strings.Contains(n.Message, Mark)
	}
	return nil
}
