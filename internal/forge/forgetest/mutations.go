package forgetest

import (
	"encoding/base64"
	"fmt"
	"strings"
)

func input(a map[string]any) map[string]any { return a["input"].(map[string]any) }

func (s *Server) mutations() object {
	done := object{}
	find := func(id any) *Pull {
		for _, p := range s.Pulls {
			if fmt.Sprintf("PR_%d", p.Number) == id {
				return p
			}
		}
		return nil
	}
	extra := func(key string, ids ...string) resolver {
		return func(a map[string]any) (any, *problem) {
			p := find(input(a)[key])
			if p == nil {
				return nil, &problem{"NOT_FOUND", "Could not resolve to a node with the global id"}
			}
			for _, list := range ids {
				for _, id := range input(a)[list].([]any) {
					p.Extras = append(p.Extras, id.(string))
				}
			}
			return done, nil
		}
	}
	return object{
		"addLabelsToLabelable":     extra("labelableId", "labelIds"),
		"requestReviews":           extra("pullRequestId", "userIds", "teamIds"),
		"addAssigneesToAssignable": extra("assignableId", "assigneeIds"),
		"addComment":               extra("subjectId"),
		"enablePullRequestAutoMerge": resolver(func(map[string]any) (any, *problem) {
			return nil, &problem{"UNPROCESSABLE", "Pull request Pull request is in clean status"}
		}),
		"closePullRequest": resolver(func(a map[string]any) (any, *problem) {
			find(input(a)["pullRequestId"]).State = "CLOSED"
			return done, nil
		}),
		"deleteRef": resolver(func(a map[string]any) (any, *problem) {
			delete(s.Refs, strings.TrimPrefix(input(a)["refId"].(string), "REF_"))
			return done, nil
		}),
		"updatePullRequest": resolver(func(a map[string]any) (any, *problem) {
			p := find(input(a)["pullRequestId"])
			for key, field := range map[string]*string{"title": &p.Title, "body": &p.Body} {
				if text, ok := input(a)[key].(string); ok {
					*field = text
				}
			}
			if id, ok := input(a)["milestoneId"].(string); ok {
				p.Extras = append(p.Extras, id)
			}
			return object{"pullRequest": s.pull(p)}, nil
		}),
		"createRef":            resolver(s.createRef),
		"createCommitOnBranch": resolver(s.createCommitOnBranch),
		"createPullRequest":    resolver(s.createPullRequest),
		"updateRefs":           resolver(s.updateRefs),
	}
}

func (s *Server) createRef(a map[string]any) (any, *problem) {
	branch := strings.TrimPrefix(input(a)["name"].(string), "refs/heads/")
	if _, ok := s.Refs[branch]; ok {
		return nil, &problem{"UNPROCESSABLE", "A ref named \"refs/heads/" + branch + "\" already exists in the repository."}
	}
	s.Refs[branch] = input(a)["oid"].(string)
	return object{"ref": s.ref(branch)}, nil
}

func (s *Server) createCommitOnBranch(a map[string]any) (any, *problem) {
	in := input(a)
	branch := in["branch"].(map[string]any)["branchName"].(string)
	head, want := s.Refs[branch], in["expectedHeadOid"].(string)
	switch {
	case s.Locked && branch == "main":
		return nil, &problem{"FORBIDDEN", "Required status check \"test\" is expected."}
	case head != want:
		return nil, &problem{"STALE_DATA", fmt.Sprintf("Expected branch to point to %q but it did not.  Pull and try again.", want)}
	}
	changes := map[string]string{}
	for _, add := range in["fileChanges"].(map[string]any)["additions"].([]any) {
		text, err := base64.StdEncoding.DecodeString(add.(map[string]any)["contents"].(string))
		if err != nil {
			return nil, &problem{"UNPROCESSABLE", err.Error()}
		}
		changes[add.(map[string]any)["path"].(string)] = string(text)
	}
	message := in["message"].(map[string]any)
	body, _ := message["body"].(string)
	oid := s.push(branch, message["headline"].(string)+"\n\n"+body, changes)
	for name := range changes { // it writes plain files only
		f := s.Commits[oid].Files[name]
		f.Mode = 0o100644
		s.Commits[oid].Files[name] = f
	}
	ref := s.ref(branch)
	if s.Stale {
		ref["target"] = s.commit(head)
	}
	return object{"commit": s.commit(oid), "ref": ref}, nil
}

func (s *Server) createPullRequest(a map[string]any) (any, *problem) {
	in := input(a)
	head, base := in["headRefName"].(string), in["baseRefName"].(string)
	for _, p := range s.Pulls {
		if p.State == "OPEN" && p.Head == head && p.Base == base {
			return nil, &problem{"UNPROCESSABLE", "A pull request already exists for acme:" + head + "."}
		}
	}
	if s.Refs[head] == s.Refs[base] {
		return nil, &problem{"UNPROCESSABLE", "No commits between " + base + " and " + head}
	}
	p := &Pull{Number: len(s.Pulls) + 1, Title: in["title"].(string), Body: in["body"].(string), Base: base, Head: head, Draft: in["draft"].(bool), State: "OPEN"}
	s.Pulls = append(s.Pulls, p)
	return object{"pullRequest": s.pull(p)}, nil
}

func (s *Server) updateRefs(a map[string]any) (any, *problem) {
	for _, u := range input(a)["refUpdates"].([]any) {
		u := u.(map[string]any)
		branch := strings.TrimPrefix(u["name"].(string), "refs/heads/")
		before := s.Refs[branch]
		if before == "" {
			before = strings.Repeat("0", 40)
		}
		if before != u["beforeOid"] {
			return nil, &problem{"UNPROCESSABLE", "beforeOid does not match the current value of the ref"}
		}
		s.Refs[branch] = u["afterOid"].(string)
	}
	return object{}, nil
}
