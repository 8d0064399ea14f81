package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v66/github"
)

// Extras are what a new pull request gets beside its text. None of them is worth failing
// for: the images are proposed, and a warning says what is missing.
type Extras struct {
	Labels        []string // made if they are not there
	Reviewers     []string // logins
	TeamReviewers []string // slugs of the owner's teams
	Assignees     []string // logins
	AutoMerge     string   // MERGE, SQUASH, REBASE; "" leaves merging to people
}

// extraIDs are GitHub's node IDs of extras, by name; a missing one is "".
type extraIDs struct {
	labels, users, teams map[string]string
}

func (e Extras) people() []string {
	return append(append([]string(nil), e.Reviewers...), e.Assignees...)
}

// extras asks for the IDs: those of the repository, and those outside it.
func (d *document) extras(e Extras) (inside, outside string) {
	field := func(kind string, i int, what, key, value string) string {
		n := kind + strconv.Itoa(i)
		return " " + n + ": " + what + "(" + key + ": " + d.set(n, "String!", value) + ") { id }"
	}
	for i, l := range e.Labels {
		inside += field("label", i, "label", "name", l)
	}
	for i, u := range e.people() {
		outside += field("user", i, "user", "login", u)
	}
	if len(e.TeamReviewers) > 0 {
		outside += " organization(login: $owner) {"
		for i, t := range e.TeamReviewers {
			outside += field("team", i, "team", "slug", t)
		}
		outside += " }"
	}
	return inside, outside
}

// onlyExtras tells faults of users and teams that are not there.
func onlyExtras(f faults) bool {
	for _, e := range f {
		if len(e.Path) == 0 {
			return false
		}
		if first, _ := e.Path[0].(string); !strings.HasPrefix(first, "user") && first != "organization" {
			return false
		}
	}
	return true
}

func (e Extras) resolve(answer json.RawMessage) extraIDs {
	type node struct{ ID string }
	var all map[string]json.RawMessage
	_ = json.Unmarshal(answer, &all)
	id := func(fields map[string]json.RawMessage, name string) string {
		var n *node
		if json.Unmarshal(fields[name], &n) != nil || n == nil {
			return ""
		}
		return n.ID
	}
	var repository, organization map[string]json.RawMessage
	_ = json.Unmarshal(all["repository"], &repository)
	_ = json.Unmarshal(all["organization"], &organization)
	ids := extraIDs{map[string]string{}, map[string]string{}, map[string]string{}}
	for i, l := range e.Labels {
		ids.labels[l] = id(repository, "label"+strconv.Itoa(i))
	}
	for i, u := range e.people() {
		ids.users[u] = id(all, "user"+strconv.Itoa(i))
	}
	for i, t := range e.TeamReviewers {
		ids.teams[t] = id(organization, "team"+strconv.Itoa(i))
	}
	return ids
}

// dress gives a new pull request its labels, reviewers, assignees and auto-merge, in one
// request; a label that is not there goes by REST, which makes it.
func (c *Client) dress(ctx context.Context, e Extras, ids extraIDs, res *Proposed) error {
	warn := func(format string, args ...any) { res.Warnings = append(res.Warnings, fmt.Sprintf(format, args...)) }
	pick := func(names []string, from map[string]string, what string) (found []string) {
		for _, n := range names {
			if from[n] == "" {
				warn("%s %q is not known to GitHub, or the token may not see it", what, n)
				continue
			}
			found = append(found, from[n])
		}
		return found
	}
	var fields []string
	variables := map[string]any{}
	if known := pick(e.Labels, ids.labels, ""); len(known) == len(e.Labels) && len(known) > 0 {
		fields, variables["labels"] = append(fields, "labels: addLabelsToLabelable(input: {labelableId: $pull, labelIds: $labels}) { clientMutationId }"), known
	} else if len(e.Labels) > 0 {
		res.Warnings = res.Warnings[:len(res.Warnings)-(len(e.Labels)-len(known))]
		if err := c.label(ctx, res.Number, e.Labels); err != nil {
			warn("%v", explain(ctx, "labels", err))
		}
	}
	users, teams := pick(e.Reviewers, ids.users, "reviewer"), pick(e.TeamReviewers, ids.teams, "team")
	if len(users)+len(teams) > 0 {
		fields = append(fields, "reviewers: requestReviews(input: {pullRequestId: $pull, userIds: $users, teamIds: $teams, union: true}) { clientMutationId }")
		variables["users"], variables["teams"] = orEmpty(users), orEmpty(teams)
	}
	if people := pick(e.Assignees, ids.users, "assignee"); len(people) > 0 {
		fields, variables["assignees"] = append(fields, "assignees: addAssigneesToAssignable(input: {assignableId: $pull, assigneeIds: $assignees}) { clientMutationId }"), people
	}
	if e.AutoMerge != "" {
		fields, variables["method"] = append(fields, "merge: enablePullRequestAutoMerge(input: {pullRequestId: $pull, mergeMethod: $method}) { clientMutationId }"), e.AutoMerge
	}
	if len(fields) == 0 {
		return nil
	}
	declared := "$pull: ID!"
	for _, v := range []string{"labels", "users", "teams", "assignees"} {
		if _, ok := variables[v]; ok {
			declared += ", $" + v + ": [ID!]!"
		}
	}
	if e.AutoMerge != "" {
		declared += ", $method: PullRequestMergeMethod!"
	}
	variables["pull"] = res.id
	document := "mutation(" + declared + ") { " + strings.Join(fields, " ") + " }"
	var none struct{}
	for attempt := 1; ; attempt++ {
		err := c.graphql(ctx, document, variables, &none)
		var f faults
		if err == nil {
			return nil
		}
		if !errors.As(err, &f) {
			warn("labels, reviewers, assignees, auto-merge: %v", err)
			return ctx.Err()
		}
		if attempt < 4 && lagging(f) {
			if err := c.o.Wait(ctx, time.Duration(attempt)*time.Second); err != nil {
				return err
			}
			continue
		}
		for _, what := range []string{"labels", "reviewers", "assignees"} {
			if bad := f.at(what); len(bad) > 0 {
				warn("%s: %v", what, bad)
			}
		}
		if bad := f.at("merge"); len(bad) > 0 {
			c.mergeNow(ctx, e.AutoMerge, bad, res, warn)
		}
		return nil
	}
}

// label adds labels by name. go-github would send a bare list, which GitHub's description of
// this operation does not have.
func (c *Client) label(ctx context.Context, number int, labels []string) error {
	req, err := c.rest.NewRequest(http.MethodPost, fmt.Sprintf("repos/%s/issues/%d/labels", c.o.Repository, number), map[string]any{"labels": labels})
	if err != nil {
		return err
	}
	_, err = c.rest.Do(ctx, req, nil)
	return err
}

func orEmpty(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}

// mergeNow merges a pull request that needs no auto-merge: GitHub refuses to wait for
// nothing, and says that the request is in clean (or unstable) status.
func (c *Client) mergeNow(ctx context.Context, method string, why faults, res *Proposed, warn func(string, ...any)) {
	text := why.Error()
	if !strings.Contains(text, "clean status") && !strings.Contains(text, "unstable status") {
		warn("auto-merge: %s", text)
		return
	}
	for attempt := 1; ; attempt++ {
		_, _, err := c.rest.PullRequests.Merge(ctx, c.owner, c.name, res.Number, "", &github.PullRequestOptions{SHA: res.Commit, MergeMethod: strings.ToLower(method)})
		if err == nil {
			res.Merged = true
			return
		}
		// 405 is also what GitHub says while it works out whether it can be merged.
		if status(err) != http.StatusMethodNotAllowed || attempt == 4 || c.o.Wait(ctx, time.Duration(attempt)*time.Second) != nil {
			warn("%v", explain(ctx, "merging", err))
			return
		}
	}
}
