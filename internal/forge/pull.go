package forge

import (
	"context"
	"errors"
	"fmt"
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
	// Placer makes commits in place of the API; nil is the API. What is read is still read there.
	Placer Placer
	// Waiting is told of the message of the newest update on the branch before the intent is asked:
	// what Newer will have to find out may be found out along with what the intent does. May be nil.
	Waiting func(message string)
	// Newer tells by the message of the newest update on the branch whether it came from
	// something later than this one, which then stays; nil is that nothing does.
	Newer func(ctx context.Context, message string) (bool, error)
	// Describe gives title and body once the intent has been asked.
	Describe func() (title, body string)
}

// Placer puts a commit on a branch: on top of another commit, if the branch is where it was
// seen, "" being nowhere. Otherwise it says [gitrepo.ErrMoved].
type Placer interface {
	Place(ctx context.Context, onto, branch, seen string, want gitrepo.Commit) (sha string, err error)
}

// Proposed is what became of a proposal.
type Proposed struct {
	gitrepo.Result        // Branch and Commit are those of the proposal; Changed tells whether a commit was made
	Operation      string // created, updated, closed, superseded or none
	Number         int
	URL            string
	Merged         bool // at once, since nothing was to be waited for
	Warnings       []string

	id string // GitHub's node ID
}

// Propose puts an update on a branch of its own and opens a pull request for it, or
// brings both up to date. If the base branch has the update already, the pull request
// is closed. Commits of others on the branch are built upon, never replaced.
func (c *Client) Propose(ctx context.Context, p Pull, first First, intent gitrepo.Intent) (Proposed, error) {
	for attempt := 1; ; attempt++ {
		start := time.Now()
		s, err := c.readPull(ctx, p, first)
		if err != nil {
			return Proposed{}, err
		}
		if p.Waiting != nil && s.update != "" {
			p.Waiting(s.update)
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
		if p.Newer != nil && s.update != "" {
			newer, err := p.Newer(ctx, s.update)
			if err != nil {
				return Proposed{}, err
			}
			if newer {
				res.Operation = "superseded"
				return res, nil
			}
		}
		move, err := c.carry(ctx, p, s, want, intent, &res)
		if err != nil {
			err = fmt.Errorf("committing to branch %s of %s: %w", p.Branch, c.o.Repository, err)
		} else if err = c.present(ctx, p, s, move, &res); err == nil {
			return res, nil
		}
		if again, failed := c.lost(ctx, err, attempt, time.Since(start), p.Branch); !again {
			return Proposed{}, failed
		}
		p.Base, first.Paths = s.base.Branch, s.base.Tree.Asked()
	}
}

// retire closes a pull request that has become pointless, with its branch.
func (c *Client) retire(ctx context.Context, p Pull, s pullState, res Proposed) (Proposed, error) {
	res.Branch, res.Commit = s.base.Branch, s.base.Tree.commit
	switch {
	case s.refID == "":
		return res, nil
	case !s.ours:
		res.Warnings = append(res.Warnings, fmt.Sprintf("%s has the images already; branch %s has commits of others and is left alone", s.base.Branch, p.Branch))
		return res, nil
	}
	d := &document{}
	var fields []string
	if s.pull != nil {
		pull, why := d.set("pull", "ID!", s.pull.ID), d.set("why", "String!", fmt.Sprintf("`%s` has these images already.", s.base.Branch))
		fields = append(fields, "comment: addComment(input: {subjectId: "+pull+", body: "+why+"}) { clientMutationId }",
			"close: closePullRequest(input: {pullRequestId: "+pull+"}) { clientMutationId }")
		res.Operation = "closed"
	}
	fields = append(fields, "delete: deleteRef(input: {refId: "+d.set("ref", "ID!", s.refID)+"}) { clientMutationId }")
	if err := c.graphql(ctx, d.mutation(fields...), d.variables, new(struct{})); err != nil {
		return Proposed{}, fmt.Errorf("closing the pull request of %s: %w", p.Branch, err)
	}
	return res, nil
}

// carry makes the commit, and puts it on the branch unless the branch has to be moved by
// force for it: then move is true, and [Client.present] does it.
func (c *Client) carry(ctx context.Context, p Pull, s pullState, want gitrepo.Commit, intent gitrepo.Intent, res *Proposed) (move bool, err error) {
	want.Message = marked(want.Message)
	onto := head{RepositoryID: s.base.RepositoryID, Branch: p.Branch, Tree: s.base.Tree}
	switch {
	case s.refID == "" && plain(onto.Tree, want) && p.Placer == nil:
		c.o.Progress("making branch " + p.Branch)
		o := &opening{Pull: p, base: s.base}
		res.Commit, err = c.commitOnBranch(ctx, onto, want, o)
		if o.opened != nil {
			res.created(*o.opened)
		}
	case s.refID != "" && !s.ours:
		// On top of what others did, if that does not hold the update already.
		onto.Tree = c.newSnapshot(ctx, s.head)
		if want, err = intent(ctx, onto.Tree); err != nil || len(want.Files) == 0 {
			return false, err
		}
		want.Message = marked(want.Message)
		res.Warnings = append(res.Warnings, fmt.Sprintf("branch %s has commits of others: the change is added to them", p.Branch))
		if p.Placer != nil {
			res.Commit, err = p.Placer.Place(ctx, s.head, p.Branch, s.head, want)
		} else {
			res.Commit, err = c.commit(ctx, onto, want)
		}
	case s.fresh && s.ahead > 0 && s.holds(want):
		return false, nil
	case p.Placer != nil:
		res.Commit, err = p.Placer.Place(ctx, s.base.Tree.commit, p.Branch, s.head, want)
	default:
		c.o.Progress("moving branch " + p.Branch + " onto " + s.base.Branch)
		res.Commit, err = c.commitObject(ctx, onto.Tree, want)
		move = true
	}
	res.Changed = err == nil
	return move, err
}

func marked(message string) string {
	if strings.Contains(message, Mark) {
		return message
	}
	return strings.TrimRight(message, "\n") + "\n\n" + Mark + "\n"
}

// moveRef is the field that moves a branch to a commit if it is where it was read; a
// branch that is not there is made.
func (d *document) moveRef(s pullState, branch, to string) string {
	from := s.head
	if from == "" {
		from = strings.Repeat("0", len(to))
	}
	return "move: updateRefs(input: " + d.set("move", "UpdateRefsInput!", map[string]any{
		"repositoryId": s.base.RepositoryID,
		"refUpdates":   []map[string]any{{"name": "refs/heads/" + branch, "beforeOid": from, "afterOid": to, "force": true}},
	}) + ") { clientMutationId }"
}

func (c *Client) moveRef(ctx context.Context, s pullState, branch, to string) error {
	d := &document{}
	err := c.graphql(ctx, d.mutation(d.moveRef(s, branch, to)), d.variables, new(struct{}))
	if err := refused(err); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("moving branch %s: %w", branch, err)
	}
	return nil
}

// refused tells a branch that was not where it was read, from other faults.
func refused(err error) error {
	var f faults
	if errors.As(err, &f) && (moved(f) || strings.Contains(f.Error(), "beforeOid") || strings.Contains(f.Error(), "not match")) {
		return gitrepo.ErrMoved
	}
	return nil
}
