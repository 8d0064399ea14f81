package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// script is an API server that answers each list and each watch by the next
// entry of its script; when one runs out, watches stay open and lists repeat.
type script struct {
	resource string // "" is rollouts

	mu      sync.Mutex
	lists   []func(w http.ResponseWriter)
	watches []func(w http.ResponseWriter)
	seen    []string // "list", "watch 5": in order
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/apis/argoproj.io/v1alpha1/namespaces/apps/"+cmp.Or(s.resource, "rollouts") || r.URL.Query().Get("fieldSelector") != "metadata.name=backend" {
		http.Error(w, "unexpected "+r.URL.String(), http.StatusTeapot)
		return
	}
	watching := r.URL.Query().Get("watch") == "true"
	if watching && r.URL.Query().Get("timeoutSeconds") != "86400" { // else the server ends it within the hour
		http.Error(w, "for how long? "+r.URL.String(), http.StatusTeapot)
		return
	}
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
	c.retry, c.firstContact = time.Millisecond, time.Minute
	return c
}

// follow returns the images of the first n sightings, "-" for no Rollout.
func follow(t *testing.T, c *Cluster, n int) ([]string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
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
