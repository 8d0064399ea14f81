package rollout

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/exit"
)

// script is an API server that answers each list and each watch by the next
// entry of its script; when one runs out, watches stay open and lists repeat.
type script struct {
	mu      sync.Mutex
	lists   []func(w http.ResponseWriter)
	watches []func(w http.ResponseWriter)
	seen    []string // "list", "watch 5": in order
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/apis/argoproj.io/v1alpha1/namespaces/apps/rollouts" || r.URL.Query().Get("fieldSelector") != "metadata.name=backend" {
		http.Error(w, "unexpected "+r.URL.String(), http.StatusTeapot)
		return
	}
	watching := r.URL.Query().Get("watch") == "true"
	s.mu.Lock()
	queue, label := &s.lists, "list"
	if watching {
		queue, label = &s.watches, "watch "+r.URL.Query().Get("resourceVersion")
	}
	s.seen = append(s.seen, label)
	var next func(http.ResponseWriter)
	if len(*queue) > 0 {
		next = (*queue)[0]
		if len(*queue) > 1 || watching {
			*queue = (*queue)[1:]
		}
	}
	s.mu.Unlock()
	if next != nil {
		next(w)
	}
	if next == nil {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

func (s *script) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func object1(version, image string) map[string]any {
	return map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
		"metadata": map[string]any{"namespace": "apps", "name": "backend", "resourceVersion": version},
		"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "b", "image": image}}}}},
	}
}

func listing(version string, items ...map[string]any) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"apiVersion": "argoproj.io/v1alpha1", "kind": "RolloutList",
			"metadata": map[string]any{"resourceVersion": version}, "items": items,
		})
	}
}

func events(list ...map[string]any) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for _, e := range list {
			_ = json.NewEncoder(w).Encode(e)
			w.(http.Flusher).Flush()
		}
	}
}

func event(kind string, o map[string]any) map[string]any {
	return map[string]any{"type": kind, "object": o}
}

func status(code int, reason, message string) map[string]any {
	return map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}
}

func refusing(code int, reason string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(status(code, reason, "the server says "+reason))
	}
}

// broken ends the connection in the middle of an event.
func broken(w http.ResponseWriter) {
	fmt.Fprint(w, `{"type":"MODIFIED","obj`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func connect(t *testing.T, url string) *Cluster {
	t.Helper()
	c, err := newCluster(&rest.Config{Host: url, QPS: -1}, func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	c.retry, c.firstContact = time.Millisecond, 200*time.Millisecond
	return c
}

// follow returns the images of the first n sightings, "-" for no Rollout.
func follow(t *testing.T, c *Cluster, n int) ([]string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, ended := make(chan Sighting), make(chan error, 1)
	go func() { ended <- c.Follow(ctx, "apps", "backend", out) }()
	var got []string
	for len(got) < n {
		select {
		case s := <-out:
			image := "-"
			if s.State != nil {
				image = s.State.Containers[0].Image
			}
			got = append(got, image)
		case err := <-ended:
			return got, err
		}
	}
	cancel()
	return got, <-ended
}

func TestFollow_SurvivesWhatWatchesDo(t *testing.T) {
	for _, c := range []struct {
		name     string
		script   *script
		images   string
		requests string
	}{
		{
			"list, then each change",
			&script{lists: []func(http.ResponseWriter){listing("5", object1("4", "a:1"))}, watches: []func(http.ResponseWriter){
				events(event("MODIFIED", object1("6", "a:2")), event("DELETED", object1("7", "a:2")), event("ADDED", object1("8", "a:3")))}},
			"a:1 a:2 - a:3", "list,watch 5",
		},
		{
			"absent at first",
			&script{lists: []func(http.ResponseWriter){listing("5")}, watches: []func(http.ResponseWriter){events(event("ADDED", object1("6", "a:1")))}},
			"- a:1", "list,watch 5",
		},
		{
			"an ended watch goes on where it ended, a bookmark counts",
			&script{lists: []func(http.ResponseWriter){listing("5", object1("4", "a:1"))}, watches: []func(http.ResponseWriter){
				events(event("MODIFIED", object1("6", "a:2")), event("BOOKMARK", object1("9", "x:0"))), events(event("MODIFIED", object1("10", "a:3")))}},
			"a:1 a:2 a:3", "list,watch 5,watch 9",
		},
		{
			"a connection that breaks in the middle of an event",
			&script{lists: []func(http.ResponseWriter){listing("5", object1("4", "a:1"))}, watches: []func(http.ResponseWriter){
				broken, events(event("MODIFIED", object1("8", "a:2")))}},
			"a:1 a:2", "list,watch 5,watch 5",
		},
		{
			"410 Gone as an event lists anew",
			&script{lists: []func(http.ResponseWriter){listing("5", object1("4", "a:1")), listing("20", object1("19", "a:2"))}, watches: []func(http.ResponseWriter){
				events(event("ERROR", status(410, "Expired", "too old resource version")))}},
			"a:1 a:2", "list,watch 5,list",
		},
		{
			"410 Gone as the answer does too",
			&script{lists: []func(http.ResponseWriter){listing("5", object1("4", "a:1")), listing("20", object1("19", "a:2"))}, watches: []func(http.ResponseWriter){refusing(410, "Expired")}},
			"a:1 a:2", "list,watch 5,list",
		},
		{
			"a server that is away for a moment",
			&script{lists: []func(http.ResponseWriter){listing("5", object1("4", "a:1"))}, watches: []func(http.ResponseWriter){
				refusing(503, "ServiceUnavailable"), refusing(500, "InternalError"), events(event("MODIFIED", object1("6", "a:2")))}},
			"a:1 a:2", "list,watch 5,watch 5,watch 5",
		},
		{
			"a server that ignores the selector",
			&script{lists: []func(http.ResponseWriter){listing("5", func() map[string]any {
				o := object1("4", "other:1")
				o["metadata"].(map[string]any)["name"] = "other"
				return o
			}(), object1("4", "a:1"))}},
			"a:1", "list",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.script)
			defer server.CloseClientConnections()
			want := strings.Fields(c.images)
			got, err := follow(t, connect(t, server.URL), len(want))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("saw %v, %v; want %v", got, err, want)
			}
			if all := strings.Join(c.script.requests(), ","); !strings.HasPrefix(all, c.requests) {
				t.Errorf("requests %s, want them to begin with %s", all, c.requests)
			}
		})
	}
}

func TestFollow_UnreadableClusters(t *testing.T) {
	for _, c := range []struct {
		code                 int
		kind, reason, phrase string
	}{
		{404, "NotFound", "crd_missing", "install Argo Rollouts"},
		{403, "Forbidden", "forbidden", "grant get, list and watch on rollouts.argoproj.io"},
		{401, "Unauthorized", "unauthorized", "credentials"},
		{500, "InternalError", "cluster_unreachable", "check that the cluster runs"},
	} {
		s := &script{lists: []func(http.ResponseWriter){refusing(c.code, c.kind)}}
		server := httptest.NewServer(s)
		started := time.Now()
		_, err := follow(t, connect(t, server.URL), 1)
		server.Close()
		var u *Unreadable
		if !errors.As(err, &u) || u.Reason != c.reason || !strings.Contains(u.Message, c.phrase) {
			t.Errorf("%d: %v, want %s with %q", c.code, err, c.reason, c.phrase)
		}
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("%d: it took %s", c.code, took)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := follow(t, connect(t, gone.URL), 1)
	var u *Unreadable
	if !errors.As(err, &u) || u.Reason != "cluster_unreachable" || !strings.Contains(u.Message, gone.URL) {
		t.Errorf("closed port: %v", err)
	}
}

// TestFollow_Workload reads the Deployment that a Rollout refers to.
func TestFollow_Workload(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/apis/argoproj.io/v1alpha1/namespaces/apps/rollouts", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		o := object1("4", "")
		o["spec"] = map[string]any{"workloadRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"}}
		if r.URL.Query().Get("watch") == "" {
			listing("5", o)(w)
			return
		}
		<-r.Context().Done()
	})
	mux.HandleFunc("/apis/apps/v1/namespaces/apps/deployments/backend", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		o := object1("9", "a:7")
		o["apiVersion"], o["kind"] = "apps/v1", "Deployment"
		o["metadata"].(map[string]any)["generation"] = 3
		_ = json.NewEncoder(w).Encode(o)
	})
	server := httptest.NewServer(mux)
	defer server.CloseClientConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := make(chan Sighting)
	c := connect(t, server.URL)
	go c.Follow(ctx, "apps", "backend", out) // ends with ctx
	select {
	case s := <-out:
		if s.State.Workload == nil || s.State.Workload.Generation != 3 || s.State.Template()[0].Image != "a:7" {
			t.Errorf("%+v", s.State)
		}
	case <-ctx.Done():
		t.Fatal("nothing was seen")
	}
	if c.Calls() < 2 {
		t.Errorf("%d calls", c.Calls())
	}
}

func TestConnect_BadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\ncontexts: [{name: one, context: {cluster: c}}]\ncurrent-context: one\n")
	for _, c := range []struct{ path, context, want string }{
		{filepath.Join(dir, "none"), "", "none cannot be read: no such file or directory"},
		{write("text", "{{"), "", "is not valid"},
		{write("empty", ""), "", `has no context ""`},
		{good, "two", `has no context "two"`},
	} {
		_, err := Connect(c.path, c.context, func(string, ...any) {})
		if err == nil || exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.path, c.context, err, c.want)
		}
	}
	c, err := Connect(good, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Forward("monitoring", "prometheus", "9090")(t.Context(), "tcp", "prometheus.monitoring.svc:80"); err == nil || !strings.Contains(err.Error(), "reach service monitoring/prometheus: Get") {
		t.Error(err)
	}
}

func TestField(t *testing.T) {
	s := Decode(map[string]any{
		"metadata": map[string]any{"name": "shop", "labels": map[string]any{"app.example/team": "blue", "a": "b"}},
		"spec":     map[string]any{"replicas": int64(4), "steps": []any{map[string]any{"setWeight": 25.0}}},
	})
	for path, want := range map[string]string{
		"metadata.name":                       "shop",
		"metadata.labels['app.example/team']": "blue",
		"metadata.labels['none']":             "", // as Argo has it
		"metadata.labels.a":                   "b",
		"spec.replicas":                       "4",
		"spec.steps[0].setWeight":             "25",
		"spec.steps[1].setWeight":             "error",
		"spec.steps[x]":                       "error",
		"spec.steps":                          "error",
		"spec":                                "error",
		"status.phase":                        "error",
		"metadata.name.first":                 "error",
	} {
		got, err := s.Field(path)
		if (err != nil) != (want == "error") || (err == nil && got != want) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

// TestConnect_ReadsARenewedToken has a token that ends while the gate runs, and a
// new one in the same file.
func TestConnect_ReadsARenewedToken(t *testing.T) {
	good := "old"
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+good {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiVersion":"argoproj.io/v1alpha1","kind":"AnalysisRunList","items":[]}`)
	}))
	defer server.Close()
	dir := t.TempDir()
	token, path := filepath.Join(dir, "token"), filepath.Join(dir, "kubeconfig")
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	config := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: '" + server.URL + "', certificate-authority-data: " + ca + "}}]\nusers: [{name: u, user: {tokenFile: '" + token + "'}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\ncurrent-context: c\n"
	for name, text := range map[string]string{token: "old", path: config} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Connect(path, "", func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Runs(t.Context(), State{}); err != nil {
		t.Fatal(err)
	}
	good = "new"
	if _, err := c.Runs(t.Context(), State{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("the old token: %v", err)
	}
	if err := os.WriteFile(token, []byte("new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Runs(t.Context(), State{}); err != nil {
		t.Errorf("the new token: %v", err)
	}
}
