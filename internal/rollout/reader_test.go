package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// shortContact is of tests in which the first contact is never made.
const shortContact = 200 * time.Millisecond

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

// TestFollow_UnreadableClusters asks once where the answer will not change, and again
// for as long as a cluster may take to be there.
func TestFollow_UnreadableClusters(t *testing.T) {
	for _, c := range []struct {
		code                 int
		kind, reason, phrase string
		final                bool
	}{
		{404, "NotFound", "crd_missing", "install Argo Rollouts", true},
		{403, "Forbidden", "forbidden", "grant get, list and watch on rollouts.argoproj.io", true},
		{401, "Unauthorized", "unauthorized", "credentials", true},
		{500, "InternalError", "cluster_unreachable", "check that the cluster runs", false},
	} {
		s := &script{lists: []func(http.ResponseWriter){refusing(c.code, c.kind)}}
		server := httptest.NewServer(s)
		cluster := connect(t, server.URL)
		if !c.final {
			cluster.firstContact = shortContact
		}
		_, err := follow(t, cluster, 1)
		server.Close()
		var u *Unreadable
		if !errors.As(err, &u) || u.Reason != c.reason || !strings.Contains(u.Message, c.phrase) {
			t.Errorf("%d: %v, want %s with %q", c.code, err, c.reason, c.phrase)
		}
		if n := len(s.requests()); c.final && n != 1 {
			t.Errorf("%d: it was asked %d times", c.code, n)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	cluster := connect(t, gone.URL)
	cluster.firstContact = shortContact
	_, err := follow(t, cluster, 1)
	var u *Unreadable
	if !errors.As(err, &u) || u.Reason != "cluster_unreachable" || !strings.Contains(u.Message, gone.URL) {
		t.Errorf("closed port: %v", err)
	}
}

// TestFollow_ARefusalIsPutUpWithForATime has a server that knows the account no more:
// one that has just started says so of all accounts, for a moment.
func TestFollow_ARefusalIsPutUpWithForATime(t *testing.T) {
	for name, tt := range map[string]struct {
		watches []func(http.ResponseWriter)
		most    int // watches
		reason  string
	}{
		"for good":          {slices.Repeat([]func(http.ResponseWriter){refusing(401, "Unauthorized")}, 20), 5, "unauthorized"},
		"for a moment":      {[]func(http.ResponseWriter){refusing(401, "Unauthorized"), refusing(403, "Forbidden"), events(event("MODIFIED", object1("6", "a:2")))}, 4, ""},
		"after it was away": {append(slices.Repeat([]func(http.ResponseWriter){refusing(503, "ServiceUnavailable")}, 3), slices.Repeat([]func(http.ResponseWriter){refusing(401, "Unauthorized")}, 20)...), 8, "unauthorized"},
	} {
		s := &script{lists: []func(http.ResponseWriter){listing("5", object1("4", "a:1"))}, watches: tt.watches}
		server := httptest.NewServer(s)
		c := connect(t, server.URL)
		c.restart = 2 * time.Second // the first refusal is followed by a look after a fifteenth of it, also on a busy machine
		got, err := follow(t, c, 2)
		var u *Unreadable
		switch {
		case tt.reason != "" && (!errors.As(err, &u) || u.Reason != tt.reason || len(got) != 1):
			t.Errorf("%s: saw %v, %v", name, got, err)
		case tt.reason == "" && (err != nil || len(got) != 2):
			t.Errorf("%s: saw %v, %v", name, got, err)
		}
		if n := len(s.requests()) - 1; n > tt.most || n < 2 {
			t.Errorf("%s: %d watches, want at most %d", name, n, tt.most)
		}
		server.CloseClientConnections()
	}
}

// TestFollow_Workload reads the Deployment that a Rollout refers to, and again when
// it may have become another one: not at each step on the way.
func TestFollow_Workload(t *testing.T) {
	rollout := func(version, phase, workload string) map[string]any {
		o := object1(version, "")
		o["metadata"].(map[string]any)["annotations"] = map[string]any{"rollout.argoproj.io/workload-generation": workload}
		o["spec"] = map[string]any{"workloadRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"}}
		o["status"] = map[string]any{"phase": phase}
		return o
	}
	seen := []struct {
		phase, workload string
		generation      int64 // of the Deployment
		reads           int   // so far
	}{
		{Healthy, "3", 3, 1}, {Progressing, "4", 4, 2}, {Progressing, "4", 4, 2}, {Paused, "4", 4, 2}, {Progressing, "4", 4, 2}, {Healthy, "4", 4, 3},
	}
	var at, reads atomic.Int64 // only one request is made at a time
	mux := http.NewServeMux()
	mux.HandleFunc("/apis/argoproj.io/v1alpha1/namespaces/apps/rollouts", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		n := int(at.Add(1))
		i := min(n, len(seen)) - 1
		o := rollout(fmt.Sprint(n), seen[i].phase, seen[i].workload)
		switch {
		case r.URL.Query().Get("watch") == "":
			listing("5", o)(w)
		case n > len(seen):
			<-r.Context().Done()
		default:
			events(event("MODIFIED", o))(w)
		}
	})
	mux.HandleFunc("/apis/apps/v1/namespaces/apps/deployments/backend", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		o := object1("9", fmt.Sprint("read:", reads.Add(1)))
		o["apiVersion"], o["kind"] = "apps/v1", "Deployment"
		o["metadata"].(map[string]any)["generation"] = seen[at.Load()-1].generation
		_ = json.NewEncoder(w).Encode(o)
	})
	server := httptest.NewServer(mux)
	defer server.CloseClientConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out := make(chan Sighting)
	c := connect(t, server.URL)
	go c.Follow(ctx, "apps", "backend", out) // ends with ctx
	for i, want := range seen {
		select {
		case s := <-out:
			if s.State.Workload == nil || s.State.Workload.Generation != want.generation || s.State.Template()[0].Image != fmt.Sprint("read:", want.reads) {
				t.Errorf("%d: %+v, want %+v", i, s.State.Workload, want)
			}
		case <-ctx.Done():
			t.Fatalf("%d: nothing was seen", i)
		}
	}
	if c.Calls() < 2 {
		t.Errorf("%d calls", c.Calls())
	}
}
