package setupplatform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/plan"
)

// world is a driver that keeps what it made in memory.
type world struct {
	mu      sync.Mutex
	there   map[string]bool
	calls   []string
	fail    string // component whose Apply fails
	refuse  error  // of Preflight
	secrets []string
}

func (w *world) Apply(ctx context.Context, c catalog.Component, env engine.Env) (engine.Outcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, "+"+c.Name)
	for _, name := range c.Secrets {
		w.secrets = append(w.secrets, env.Secrets[name])
	}
	if c.Name == w.fail {
		return "", errors.New("exited with code 1")
	}
	if w.there[c.Name] {
		return engine.Unchanged, nil
	}
	w.there[c.Name] = true
	return engine.Created, nil
}

func (w *world) Remove(_ context.Context, c catalog.Component, _ engine.Env) (engine.Outcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, "-"+c.Name)
	if !w.there[c.Name] {
		return engine.Unchanged, nil
	}
	delete(w.there, c.Name)
	return engine.Removed, nil
}

func (w *world) Preflight(context.Context, []catalog.Component, engine.Env) error { return w.refuse }

func (w *world) Status(_ context.Context, c catalog.Component, env engine.Env) (string, error) {
	if env.Values["net-subnet"] != "172.29.0.0/16" {
		return "", fmt.Errorf("it is asked with the values %v", env.Values)
	}
	if w.there[c.Name] {
		return "ready", nil
	}
	return "absent", nil
}

func component(name, driver string, needs ...string) catalog.Component {
	c := catalog.Component{Name: name, Tier: "docker", Driver: driver}
	for _, n := range needs {
		c.Needs = append(c.Needs, catalog.Need{Name: n, Why: "order"})
	}
	return c
}

// setup gives a platform of a network, a database on it, a cluster and an app in it.
func setup(t *testing.T) (*world, Options) {
	net := component("net", "network")
	net.Settings = map[string]any{"network": "infra_net", "subnet": "172.29.0.0/16"}
	db := component("db", "compose", "net")
	db.Secrets = []string{"db-password"}
	cat := catalog.Catalog{
		Components: []catalog.Component{
			component("app", "helm", "kind", "db"), db, component("kind", "cluster"), net,
		},
		Profiles: []catalog.Profile{
			{Name: "all", Components: []string{"app", "db", "kind", "net"}},
			{Name: "data", Components: []string{"db", "net"}},
		},
	}
	w := &world{there: map[string]bool{}}
	drivers := map[string]engine.Driver{}
	for _, name := range []string{"network", "compose", "cluster", "helm"} {
		drivers[name] = w
	}
	return w, Options{
		Profile: "all", Name: "hy-test", StateDir: filepath.Join(t.TempDir(), "state"),
		Catalog: cat, Drivers: drivers,
		Machine:  func(context.Context) (plan.Machine, error) { return plan.Machine{}, nil },
		Mask:     func(string) {},
		Progress: func(string) {},
		Warn:     func(string) {},
		Log:      slog.New(slog.DiscardHandler),
	}
}

func TestRun_SecondRunIsUnchangedAndDownRemovesAll(t *testing.T) {
	w, o := setup(t)
	first, err := Run(t.Context(), o)
	if err != nil || !first.Changed() || len(first.Steps) != 4 {
		t.Fatalf("got %+v, %v", first.Steps, err)
	}
	if first.Values["net-subnet"] != "172.29.0.0/16" || first.Values["net-gateway"] != "172.29.0.1" || first.Values["platform"] != "hy-test" {
		t.Errorf("values %v", first.Values)
	}
	second, err := Run(t.Context(), o)
	if err != nil || second.Changed() {
		t.Errorf("second run changed something: %+v, %v", second.Steps, err)
	}
	if len(w.secrets) != 2 || w.secrets[0] == "" || w.secrets[0] != w.secrets[1] {
		t.Error("the second run had another secret")
	}
	states, err := Status(t.Context(), o)
	if err != nil || len(states) != 4 || !states[0].Up() {
		t.Errorf("status %+v, %v", states, err)
	}

	w.calls = nil
	down, err := Down(t.Context(), o)
	if err != nil || !down.Changed() {
		t.Fatalf("got %+v, %v", down.Steps, err)
	}
	if slices.Contains(w.calls, "-app") {
		t.Error("what is inside the cluster was removed one by one")
	}
	if slices.Index(w.calls, "-db") > slices.Index(w.calls, "-net") {
		t.Errorf("removed in the wrong order: %v", w.calls)
	}
	if _, err := os.Stat(o.StateDir); !os.IsNotExist(err) {
		t.Errorf("the state directory is left (%v)", err)
	}
	again, err := Down(t.Context(), o)
	if err != nil || again.Changed() {
		t.Errorf("second down changed something: %+v, %v", again.Steps, err)
	}
}

// What a run has made is remembered with its time; what it found is not, nor anything
// where the machine is another one.
func TestRun_RemembersHowLongItTook(t *testing.T) {
	for _, c := range []struct {
		took map[string]time.Duration
		fail string
		want string
	}{
		{map[string]time.Duration{}, "", "[[app db kind net] []]"},
		{map[string]time.Duration{}, "app", "[]"},
		{nil, "", "[]"},
	} {
		w, o := setup(t)
		w.fail = c.fail
		o.Machine = func(context.Context) (plan.Machine, error) { return plan.Machine{Took: c.took}, nil }
		made := [][]string{}
		o.Remember = func(took map[string]time.Duration) error {
			made = append(made, slices.Sorted(maps.Keys(took)))
			return errors.New("read-only file system") // no reason to fail
		}
		for range 2 {
			if _, err := Run(t.Context(), o); (err != nil) != (c.fail != "") {
				t.Fatal(err)
			}
		}
		if got := fmt.Sprint(made); got != c.want {
			t.Errorf("%+v: remembered %s, want %s", c, got, c.want)
		}
	}
}

func TestRun_NamesTheRegistryWhereThereIsOne(t *testing.T) {
	_, o := setup(t)
	res, err := Run(t.Context(), o)
	if v, ok := res.Values[RegistryValue]; err != nil || ok {
		t.Errorf("without one: %q, %v", v, err)
	}
	own := component("registry", "registry", "net")
	own.Settings = map[string]any{"port": 5001}
	o.Catalog.Components = append(o.Catalog.Components, own)
	o.Catalog.Profiles[0].Components = append(o.Catalog.Profiles[0].Components, "registry")
	o.Drivers["registry"] = o.Drivers["network"]
	res, err = Run(t.Context(), o)
	if v := res.Values[RegistryValue]; err != nil || v != "localhost:5001" {
		t.Errorf("got %q, %v", v, err)
	}
}

// A change of the profile must not leave what only the old one had.
func TestDown_RemovesWhatEarlierProfilesMade(t *testing.T) {
	w, o := setup(t)
	for _, profile := range []string{"all", "data"} {
		o.Profile = profile
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Down(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if w.there["kind"] || w.there["net"] {
		t.Errorf("left: %v", w.there)
	}
}

// What was made with a profile's settings must be found with them, also when the
// catalog has changed since.
func TestRecord_KeepsTheSettingsThatWereUsed(t *testing.T) {
	_, o := setup(t)
	o.Catalog.Profiles[1].Settings = map[string]map[string]any{"net": {"subnet": "172.28.0.0/16"}}
	o.Profile = "data"
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	rec, err := load(o.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, cat := range []catalog.Catalog{o.Catalog, {}} {
		for _, c := range recorded(cat, rec) {
			if c.Name == "net" && (c.Settings["subnet"] != "172.28.0.0/16" || c.Driver != "network") {
				t.Errorf("recorded as %+v", c)
			}
		}
	}
}

func TestRun_FailureNamesTheComponentAndIsResumed(t *testing.T) {
	w, o := setup(t)
	w.fail = "db"
	res, err := Run(t.Context(), o)
	if err == nil || !strings.HasPrefix(err.Error(), "db: exited with code 1") {
		t.Fatalf("got %v", err)
	}
	if r := res.Report(err); r.Status != "failed" || r.Verdict != err.Error() {
		t.Errorf("report %s: %s", r.Status, r.Verdict)
	}
	w.fail = ""
	if res, err = Run(t.Context(), o); err != nil || !w.there["app"] {
		t.Errorf("the next run did not go on: %+v, %v", res.Steps, err)
	}
}

// The cluster's nodes are on the data tier's network: what something inside the
// cluster needs outside of it may go only after the cluster.
func TestDown_WaitsForTheClusterWithWhatItUses(t *testing.T) {
	_, o := setup(t)
	needs := map[string][]string{}
	for _, n := range o.down(o.Catalog.Components) {
		needs[n.ID] = n.Needs
	}
	want := map[string][]string{"kind": nil, "db": {"kind"}, "net": {"db"}}
	if !reflect.DeepEqual(needs, want) {
		t.Errorf("the removal's graph is %v, want %v", needs, want)
	}
}
