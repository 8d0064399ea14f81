// Package forgetest is a GitHub for tests: a server that keeps one repository in
// memory, answers what internal/forge asks, and holds every request against GitHub's
// published schemas, of GraphQL and of the REST API. Faults are made by [Server.Fault].
package forgetest

//go:generate go run ./gen

import (
	_ "embed"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/gittree"
)

//go:embed github.graphql
var schemaText string

var schema = gqlparser.MustLoadSchema(&ast.Source{Name: "github.graphql", Input: schemaText})

// Token is what the server takes.
const Token = "ghs_0123456789abcdefTHEtoken"

// Repository is the one it has.
const Repository = "acme/infra"

// File is a file of a commit.
type File = gittest.File

// Commit is one commit; the files are all of its tree.
type Commit struct {
	OID, Message string
	Parent       string
	Files        map[string]File
}

// Pull is a pull request.
type Pull struct {
	Number                  int
	Title, Body, Base, Head string
	Draft                   bool
	State                   string // OPEN, CLOSED, MERGED
	Extras                  []string
}

// Server is the GitHub. Its fields may be read and changed while nothing asks.
type Server struct {
	URL     string // of the REST API
	Latency time.Duration
	// Enterprise serves the API where an Enterprise Server has it: /api/v3 and /api/graphql.
	Enterprise bool
	// Bytes and Connections that crossed the network.
	Bytes, Connections atomic.Int64
	// Fault may answer a request in place of the server: before it is done (after is
	// false), or after, when the answer is lost.
	Fault func(r *Request, after bool) (status int, header http.Header, body string)
	// Refuse may refuse one of a document's mutations by its name, before it is done or after;
	// those beside it are done. "" refuses nothing.
	Refuse func(mutation string, after bool) (message string)

	mu       sync.Mutex
	Commits  map[string]*Commit
	Refs     map[string]string // by branch
	Pulls    []*Pull
	Labels   map[string]bool
	Source   []string // commits of the source repository, oldest first
	Comments []string // at commits
	Shown    []Shown  // verdicts, by the number that is their id
	trees    map[string]map[string]File
	Requests []*Request
	Locked   bool // main is protected
	Stale    bool // answers of commits show the branch as it was
	t        testing.TB
}

// Request is one that came.
type Request struct {
	Method, Path, Body string
	N                  int // from 1
}

// New starts a server whose branch main holds files.
func New(t testing.TB, files map[string]File) *Server {
	s := &Server{t: t, Commits: map[string]*Commit{}, Refs: map[string]string{}, Labels: map[string]bool{"bump": true}, trees: map[string]map[string]File{}}
	s.Refs["main"] = s.put("", "start", files)
	h := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	h.Listener = &gittest.Meter{Listener: h.Listener, Bytes: &s.Bytes, Connections: &s.Connections}
	h.Start()
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Asked counts the requests of the API that came, which GitHub limits: the file that an answer
// leads to is none.
func (s *Server) Asked() (n int) {
	for _, r := range s.Requests {
		if !strings.HasPrefix(r.Path, codeload) {
			n++
		}
	}
	return n
}

// Reset forgets the requests that came.
func (s *Server) Reset() { s.Requests = nil }

type answer struct {
	status int
	body   any
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	time.Sleep(s.Latency) // the network that a loopback server lacks; 0 unless a test asks for it
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	req := &Request{Method: r.Method, Path: r.URL.Path, Body: string(body), N: len(s.Requests) + 1}
	s.Requests = append(s.Requests, req)
	status, header, text := s.fault(req, false)
	if status == 0 {
		a := answer{http.StatusUnauthorized, map[string]any{"message": "Bad credentials"}}
		if sha, ok := strings.CutPrefix(r.URL.Path, codeload); ok {
			a = s.archive(r, sha)
		} else if r.Header.Get("Authorization") == "Bearer "+Token {
			a = s.answer(r, body)
		}
		encoded, err := json.Marshal(a.body)
		if err != nil {
			s.t.Errorf("encoding an answer: %v", err)
		}
		switch b := a.body.(type) {
		case []byte:
			encoded = b
		case redirect:
			encoded, header = nil, http.Header{"Location": {string(b)}}
		}
		status, text = a.status, string(encoded)
		if lost, h, b := s.fault(req, true); lost != 0 {
			status, header, text = lost, h, b
		}
	}
	s.mu.Unlock()
	maps.Copy(w.Header(), header)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (s *Server) fault(r *Request, after bool) (int, http.Header, string) {
	if s.Fault == nil {
		return 0, nil, ""
	}
	return s.Fault(r, after)
}

func (s *Server) answer(r *http.Request, body []byte) answer {
	graphql, rest := "/graphql", "/"
	if s.Enterprise {
		graphql, rest = "/api/graphql", "/api/v3/"
	}
	path, ok := strings.CutPrefix(r.URL.Path, rest)
	switch {
	case r.URL.Path == graphql:
		return s.graphql(body)
	case !ok:
		s.t.Errorf("a request beside the API: %s %s", r.Method, r.URL.Path)
		return answer{404, map[string]any{"message": "Not Found"}}
	}
	if err := conforms(r.Method, "/"+path, r, body); err != nil {
		s.t.Errorf("a request that GitHub's description refuses: %v", err)
	}
	if a, ok := s.verdict(r, body); ok {
		return a
	}
	return s.rest(r.Method, strings.TrimPrefix(path, "repos/"), body)
}

func (s *Server) graphql(body []byte) answer {
	var in struct {
		Query     string
		Variables map[string]any
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return answer{400, map[string]any{"message": "Problems parsing JSON"}}
	}
	doc, errs := gqlparser.LoadQueryWithRules(schema, in.Query, rules.NewDefaultRules())
	if errs != nil {
		s.t.Errorf("a document that GitHub's schema refuses: %v\n%s", errs, in.Query)
		return answer{200, map[string]any{"errors": []any{map[string]any{"message": errs.Error()}}}}
	}
	op := doc.Operations[0]
	vars, err := validator.VariableValues(schema, op, in.Variables)
	if err != nil {
		s.t.Errorf("variables that GitHub's schema refuses: %v\n%s", err, in.Query)
		return answer{200, map[string]any{"errors": []any{map[string]any{"message": err.Error()}}}}
	}
	x := &execution{s: s, doc: doc, vars: vars}
	data := x.fields(op.SelectionSet, x.root(op.Operation == ast.Mutation), nil)
	out := map[string]any{"data": data}
	if len(x.errors) > 0 {
		out["errors"] = x.errors
	}
	return answer{200, out}
}

// blobID is Git's name for what a file holds.
func blobID(f File) string { return gittree.BlobID([]byte(f.Text)) }
