package rollout

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// TestAiling tells of each turn for the worse or the better, once, by one request.
func TestAiling(t *testing.T) {
	pod := func(name, reason string) map[string]any {
		return map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name},
			"status": map[string]any{"containerStatuses": []any{map[string]any{"name": "c", "state": map[string]any{"waiting": map[string]any{"reason": reason}}}}},
		}
	}
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("Content-Type", "application/json")
		if q := r.URL.Query(); r.URL.Path != "/api/v1/namespaces/apps/pods" || q.Get("watch") != "true" || q.Get("labelSelector") != "rollouts-pod-template-hash=h" {
			http.Error(w, "unexpected "+r.URL.String(), http.StatusTeapot)
			return
		}
		events(
			event("ADDED", pod("b", "ContainerCreating")),
			event("MODIFIED", pod("b", "ImagePullBackOff")),
			event("MODIFIED", pod("b", "ErrImagePull")), // the same in other words
			event("ADDED", pod("a", "CrashLoopBackOff")),
			event("DELETED", pod("a", "CrashLoopBackOff")),
			event("MODIFIED", pod("b", "PodInitializing")),
			event("DELETED", pod("b", "PodInitializing")),
		)(w)
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, out, ended := connect(t, server.URL), make(chan *Trouble), make(chan error, 1)
	go func() { ended <- c.Ailing(ctx, State{Namespace: "apps", Status: Status{PodHash: "h"}}, out) }()
	var told []string
	for {
		select {
		case tr := <-out:
			if tr == nil {
				tr = &Trouble{}
			}
			told = append(told, fmt.Sprintf("%s %s", tr.Pod, tr.Reason))
			continue
		case err := <-ended:
			if want := []string{"b image_pull", "a crash_loop", "b image_pull", " "}; err != nil || requests != 1 || !slices.Equal(told, want) {
				t.Errorf("%q by %d requests, %v", told, requests, err)
			}
		}
		return
	}
}
