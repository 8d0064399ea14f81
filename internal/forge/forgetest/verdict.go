package forgetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Shown is a verdict as it stands beside a commit.
type Shown struct {
	Kind        string // status, check or deployment
	Name        string // for a deployment its environment
	Commit      string
	State       string // of a check that is done, its conclusion
	Title, Text string
	URL         string
}

var (
	fullCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)
	statusPath = regexp.MustCompile(`^statuses/([^/]*)$`)
	checkPath  = regexp.MustCompile(`^check-runs(?:/(\d+))?$`)
	deployPath = regexp.MustCompile(`^deployments(?:/(\d+)/statuses)?$`)
)

// verdict answers what sets statuses, checks and deployments as GitHub's API
// description has it: a field that is not there, a state that is none, or a text
// that is too long is refused.
func (s *Server) verdict(r *http.Request, body []byte) (answer, bool) {
	at, ours := strings.CutPrefix(r.URL.Path, "/repos/"+Repository+"/")
	if !ours {
		return answer{}, false
	}
	switch {
	case statusPath.MatchString(at):
		return s.setStatus(r.Method, statusPath.FindStringSubmatch(at)[1], body), true
	case checkPath.MatchString(at):
		return s.setCheck(r.Method, checkPath.FindStringSubmatch(at)[1], body), true
	case deployPath.MatchString(at):
		return s.setDeployment(r, deployPath.FindStringSubmatch(at)[1], body), true
	}
	return answer{}, false
}

func (s *Server) setStatus(method, commit string, body []byte) answer {
	var in struct {
		State       string `json:"state"`
		TargetURL   string `json:"target_url"`
		Description string `json:"description"`
		Context     string `json:"context"`
	}
	if a := s.read(method, http.MethodPost, body, &in); a != nil {
		return *a
	}
	if !fullCommit.MatchString(commit) || len([]rune(in.Description)) > 140 || !slices.Contains([]string{"pending", "success", "failure", "error"}, in.State) {
		return s.refuse("a status %+v of %s", in, commit)
	}
	s.show(Shown{"status", in.Context, commit, in.State, in.Description, "", in.TargetURL})
	return answer{201, map[string]any{"id": len(s.Shown)}}
}

func (s *Server) setCheck(method, id string, body []byte) answer {
	var in struct {
		Name       string `json:"name"`
		HeadSHA    string `json:"head_sha"`
		DetailsURL string `json:"details_url"`
		Status     string `json:"status"`
		Conclusion string `json:"conclusion"`
		Output     struct {
			Title   string `json:"title"`
			Summary string `json:"summary"`
		} `json:"output"`
	}
	want := http.MethodPost
	if id != "" {
		want = http.MethodPatch
	}
	if a := s.read(method, want, body, &in); a != nil {
		return *a
	}
	n, _ := strconv.Atoi(id)
	state := in.Status
	if in.Status == "completed" {
		state = in.Conclusion
	}
	known := slices.Contains([]string{"in_progress", "success", "failure", "action_required"}, state)
	if (id == "") != fullCommit.MatchString(in.HeadSHA) || n > len(s.Shown) || !known || len(in.Output.Summary) > 65_535 || in.Output.Title == "" || in.Output.Summary == "" {
		return s.refuse("a check %+v (%s)", in, id)
	}
	if id != "" {
		shown := &s.Shown[n-1]
		shown.State, shown.Title, shown.Text, shown.URL = state, in.Output.Title, in.Output.Summary, in.DetailsURL
		return answer{200, map[string]any{"id": n}}
	}
	s.Shown = append(s.Shown, Shown{"check", in.Name, in.HeadSHA, state, in.Output.Title, in.Output.Summary, in.DetailsURL})
	return answer{201, map[string]any{"id": len(s.Shown)}}
}

func (s *Server) setDeployment(r *http.Request, id string, body []byte) answer {
	if r.Method == http.MethodGet && id == "" {
		found := []any{}
		for i, d := range s.Shown {
			if q := r.URL.Query(); d.Kind == "deployment" && d.Commit == q.Get("sha") && d.Name == q.Get("environment") {
				found = append([]any{map[string]any{"id": i + 1}}, found...)
			}
		}
		return answer{200, found}
	}
	if id == "" {
		var in struct {
			Ref              string    `json:"ref"`
			Environment      string    `json:"environment"`
			Description      string    `json:"description"`
			AutoMerge        *bool     `json:"auto_merge"`
			RequiredContexts *[]string `json:"required_contexts"`
		}
		if a := s.read(r.Method, http.MethodPost, body, &in); a != nil {
			return *a
		}
		if !fullCommit.MatchString(in.Ref) || in.AutoMerge == nil || *in.AutoMerge || in.RequiredContexts == nil {
			return s.refuse("a deployment %+v", in)
		}
		s.Shown = append(s.Shown, Shown{Kind: "deployment", Name: in.Environment, Commit: in.Ref})
		return answer{201, map[string]any{"id": len(s.Shown)}}
	}
	var in struct {
		State       string `json:"state"`
		LogURL      string `json:"log_url"`
		Description string `json:"description"`
	}
	if a := s.read(r.Method, http.MethodPost, body, &in); a != nil {
		return *a
	}
	n, _ := strconv.Atoi(id)
	if n < 1 || n > len(s.Shown) || len([]rune(in.Description)) > 140 || !slices.Contains([]string{"in_progress", "success", "failure", "error"}, in.State) {
		return s.refuse("a deployment's status %+v (%s)", in, id)
	}
	shown := &s.Shown[n-1]
	shown.State, shown.Title, shown.URL = in.State, in.Description, in.LogURL
	return answer{201, map[string]any{"id": n}}
}

// show keeps one status for each context of a commit.
func (s *Server) show(v Shown) {
	i := slices.IndexFunc(s.Shown, func(o Shown) bool { return o.Kind == v.Kind && o.Name == v.Name && o.Commit == v.Commit })
	if i < 0 {
		s.Shown = append(s.Shown, v)
		return
	}
	s.Shown[i] = v
}

// read takes a body that has no field but those of in.
func (s *Server) read(method, want string, body []byte, in any) *answer {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil || method != want {
		a := s.refuse("%s, want %s: %v\n%s", method, want, err, body)
		return &a
	}
	return nil
}

func (s *Server) refuse(format string, args ...any) answer {
	s.t.Errorf("a request that GitHub refuses: "+format, args...)
	return answer{422, map[string]any{"message": "Invalid request: " + fmt.Sprintf(format, args...)}}
}
