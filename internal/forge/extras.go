package forge

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Extras are what a new pull request gets beside its text. None of them is worth failing
// for: the images are proposed, and a warning says what is missing.
type Extras struct {
	Labels        []string // made if they are not there
	Reviewers     []string // logins
	TeamReviewers []string // slugs of the owner's teams
	Assignees     []string // logins
	Milestone     int      // number; 0 is none
	AutoMerge     string   // MERGE, SQUASH, REBASE; "" leaves merging to people
}

// extraIDs are GitHub's node IDs of extras, by name; a missing one is "".
type extraIDs struct {
	labels, users, teams map[string]string
	milestone            string
}

func (i extraIDs) haveLabels(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return i.labels[n] == "" })
}

// unfinished ends the body of a pull request, where nobody sees it, until its extras are set: that
// takes a request of its own, before which we may be killed.
const unfinished = "\n<!-- hyaction: unfinished -->"

// any tells whether anything is wanted.
func (e Extras) any() bool {
	return len(e.Labels)+len(e.Reviewers)+len(e.TeamReviewers)+len(e.Assignees)+e.Milestone+len(e.AutoMerge) > 0
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
	if e.Milestone != 0 {
		inside += " milestone(number: " + d.set("milestone", "Int!", e.Milestone) + ") { id }"
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
	ids := extraIDs{map[string]string{}, map[string]string{}, map[string]string{}, id(repository, "milestone")}
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
