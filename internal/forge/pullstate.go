package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/buenhyden/hy-home/internal/gitrepo"
	"github.com/buenhyden/hy-home/internal/gittree"
)

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

	update string // message of the newest commit of ours on the branch
}

type pullAnswer struct {
	ID     string
	Number int
	URL    string
	Title  string
	Body   string
}

// maxAhead is how many commits of a branch are looked at to see whose they are, and maxBehind
// how many of the base's, to see that it has moved on from where the branch began.
const maxAhead, maxBehind = 100, 30

var pastFields = " past: history(first: " + strconv.Itoa(maxBehind) + ") { nodes { oid } }"

// readPull reads the base branch, the branch and its pull request in one query.
func (c *Client) readPull(ctx context.Context, p Pull, first First) (pullState, error) {
	c.o.Progress("reading " + c.o.Repository)
	d := c.about()
	inside := "id " + d.base(p.Base, first, pastFields) +
		" head: ref(qualifiedName: " + d.set("head", "String!", "refs/heads/"+p.Branch) + ") { id target { oid ... on Commit { history(first: " + strconv.Itoa(maxAhead) + ") { nodes { oid message parents { totalCount } } }" + d.names(first.Paths) + " } } }" +
		" pullRequests(headRefName: " + d.set("branch", "String!", p.Branch) + ", states: OPEN, first: 5) { nodes { id number url title body baseRefName isCrossRepository } }"
	more, outside := d.extras(p.Extras)
	var all json.RawMessage
	err := c.query(ctx, d.query(inside+more, outside), d.variables, &all)
	var f faults
	if errors.As(err, &f) && onlyExtras(f) {
		err = nil // a warning will tell of them
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
	if err == nil {
		err = json.Unmarshal(all, &out)
	}
	if err == nil && out.Repository == nil {
		err = errMissing
	}
	if err != nil {
		return pullState{}, c.unreadable(err)
	}
	s := pullState{ids: p.Extras.resolve(all)}
	if s.base, err = c.decodeHead(ctx, out.Repository.ID, p.Base, out.Repository.Base, first); err != nil {
		return pullState{}, err
	}
	for _, n := range out.Repository.PullRequests.Nodes {
		if n.BaseRefName == s.base.Branch && !n.IsCrossRepository {
			s.pull = &n.pullAnswer
		}
	}
	if h := out.Repository.Head; h != nil {
		s.refID = h.ID
		past, failed := decodePast(*out.Repository.Base)
		if err = failed; err == nil {
			err = c.decodeBranch(ctx, p.Branch, h.Target, past, &s)
		}
	}
	return s, err
}

// decodePast are the newest commits of the base branch, newest first.
func decodePast(base json.RawMessage) (oids []string, err error) {
	var ref struct {
		Target struct {
			Past struct{ Nodes []struct{ OID string } }
		}
	}
	err = json.Unmarshal(base, &ref)
	for _, n := range ref.Target.Past.Nodes {
		oids = append(oids, n.OID)
	}
	return oids, err
}

// decodeBranch tells whose commits a branch has, and whether its base is the newest. If our
// commits stand on one of the base's newest, the two histories say so; otherwise somebody
// else was there, or the base is far ahead, and GitHub is asked to compare.
func (c *Client) decodeBranch(ctx context.Context, branch string, target json.RawMessage, past []string, s *pullState) error {
	var commit struct {
		OID     string
		History struct {
			Nodes []struct {
				OID, Message string
				Parents      struct{ TotalCount int }
			}
		}
	}
	if err := errors.Join(json.Unmarshal(target, &commit), json.Unmarshal(target, &s.files)); err != nil {
		return fmt.Errorf("reading branch %s: %w", branch, err)
	}
	s.head = commit.OID
	for _, n := range commit.History.Nodes {
		if s.update == "" && strings.Contains(n.Message, Mark) {
			s.update = n.Message
		}
	}
	for i, n := range commit.History.Nodes {
		if behind := slices.Index(past, n.OID); behind >= 0 {
			s.ours, s.fresh, s.ahead = true, behind == 0, i
			return nil
		}
		if n.Parents.TotalCount != 1 || !strings.Contains(n.Message, Mark) {
			break
		}
	}
	return c.compareBranch(ctx, branch, s)
}

func (c *Client) compareBranch(ctx context.Context, branch string, s *pullState) error {
	d := c.about()
	inside := "ref(qualifiedName: " + d.set("ref", "String!", "refs/heads/"+s.base.Branch) + ") { compare(headRef: " + d.set("head", "String!", s.head) + ") { aheadBy behindBy commits(first: " + strconv.Itoa(maxAhead) + ") { nodes { message } } } }"
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
	if err := c.query(ctx, d.query(inside, ""), d.variables, &out); err != nil {
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

// holds tells whether the branch has the wanted files already.
func (s pullState) holds(want gitrepo.Commit) bool {
	have := map[string]string{}
	paths := s.base.Tree.Asked()
	for i, e := range s.files.entries(paths) {
		have[paths[i]] = e.OID
		for _, child := range e.Entries {
			have[strings.TrimPrefix(paths[i]+"/"+child.Name, "./")] = child.OID
		}
	}
	for name, text := range want.Files {
		if have[name] != gittree.BlobID(text) {
			return false
		}
	}
	return true
}
