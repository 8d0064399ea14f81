package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

func component(name string, memory catalog.Bytes, needs ...string) catalog.Component {
	c := catalog.Component{Name: name, Tier: "docker", Driver: "compose", Budget: catalog.Budget{CPU: 500, Memory: memory, Disk: memory}}
	for _, n := range needs {
		c.Needs = append(c.Needs, catalog.Need{Name: n, Why: "it is there first"})
	}
	return c
}

func catalogOf(cs ...catalog.Component) catalog.Catalog {
	p := catalog.Profile{Name: "test"}
	for _, c := range cs {
		p.Components = append(p.Components, c.Name)
	}
	// Catalog.Component searches a sorted list.
	sorted := append([]catalog.Component(nil), cs...)
	for i := range sorted {
		for j := i + 1; j < len(sorted); j++ {
			if sorted[j].Name < sorted[i].Name {
				sorted[i], sorted[j] = sorted[j], sorted[i]
			}
		}
	}
	return catalog.Catalog{Components: sorted, Profiles: []catalog.Profile{p}}
}

const gib = 1 << 30

func TestNew_NeedsComeFirst(t *testing.T) {
	p, err := New(catalogOf(component("c", 0, "b"), component("b", 0, "a"), component("a", 0), component("d", 0)), Target{Profile: "test"}, Machine{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range p.Components {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "a d b c" {
		t.Errorf("order %q, want %q", got, "a d b c")
	}
}

func TestNew_OptionalNeedCountsWhereBothAreChosen(t *testing.T) {
	a := component("a", 0, "b")
	a.Needs[0].Optional = true
	for _, tt := range []struct {
		cat  catalog.Catalog
		want string
	}{
		{catalogOf(a, component("b", 0)), "b a"},
		{catalogOf(a), "a"},
	} {
		p, err := New(tt.cat, Target{Profile: "test"}, Machine{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range p.Components {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("order %q, want %q", got, tt.want)
		}
		if left := p.Components[len(p.Components)-1].Needs; len(left) != len(p.Components)-1 {
			t.Errorf("%d components: needs %v", len(p.Components), left)
		}
	}
}

func TestNew_RefusesInOneSentence(t *testing.T) {
	port := component("p", 0)
	port.Ports = []int{8080}
	other := component("q", 0)
	other.Ports = []int{8080}
	for _, tt := range []struct {
		name    string
		cat     catalog.Catalog
		profile string
		m       Machine
		want    string
	}{
		{"unknown profile", catalogOf(component("a", 0)), "huge", Machine{}, `profile "huge" does not exist; there are: test`},
		{"circle", catalogOf(component("a", 0, "b"), component("b", 0, "a")), "test", Machine{}, "these need each other in a circle: a, b"},
		{"need left out", catalogOf(component("a", 0, "z")), "test", Machine{}, "a needs z (it is there first), which is not chosen"},
		{"memory", catalogOf(component("a", 3*gib), component("b", gib)), "test", Machine{Memory: 2 * gib},
			"profile test needs 4Gi of memory, 2Gi are free: stop something, or choose a smaller profile (largest: a 3Gi, b 1Gi)"},
		{"disk", catalogOf(component("a", 3*gib)), "test", Machine{Memory: 8 * gib, Disk: gib}, "needs 3Gi of disk, 1Gi are free"},
		{"processors", catalogOf(component("a", 0), component("b", 0), component("c", 0), component("d", 0), component("e", 0), component("f", 0), component("g", 0)), "test",
			Machine{CPUs: 1}, "asks for 3500m processors, the machine has 1"},
		{"port in use", catalogOf(port), "test", Machine{Ports: []int{80, 8080}}, "port 8080, which p needs, is in use"},
		{"port twice", catalogOf(port, other), "test", Machine{}, "port 8080 is wanted by p and by q"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.cat, Target{Profile: tt.profile}, tt.m)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if exit.Code(err) != exit.BadInput {
				t.Errorf("exit code %d, want %d", exit.Code(err), exit.BadInput)
			}
		})
	}
}

// A platform that is up must not be told that its own memory or disk is taken.
func TestNew_SecondRunHoldsWhatItAsks(t *testing.T) {
	c := component("a", 4*gib)
	c.Ports = []int{8080}
	if _, err := New(catalogOf(c), Target{Profile: "test"}, Machine{Memory: gib, Disk: gib, Ports: []int{8080}, Holds: true}); err != nil {
		t.Error(err)
	}
}

func TestNew_ProfileOverridesSettings(t *testing.T) {
	c := component("a", 0)
	c.Settings = map[string]any{"size": 1, "kept": "x"}
	cat := catalogOf(c)
	cat.Profiles[0].Settings = map[string]map[string]any{"a": {"size": 3}}
	p, err := New(cat, Target{Profile: "test"}, Machine{})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := p.Find("a")
	if got.Settings["size"] != 3 || got.Settings["kept"] != "x" {
		t.Errorf("settings %v", got.Settings)
	}
	if c.Settings["size"] != 1 {
		t.Error("the catalog's own settings were changed")
	}
}

// platform is a graph like the real one: kind is slow, the data tier is not.
func platform(t *testing.T) Plan {
	t.Helper()
	net, kind, db, proof := component("net", 0), component("kind", gib, "net"), component("db", gib, "net"), component("proof", 0, "kind", "db")
	net.Takes, kind.Takes, db.Takes, proof.Takes = second, 30*second, 10*second, 2*second
	kind.Tier, proof.Tier = "cluster", "bridge"
	db.Images, kind.Images, proof.Images = []string{"docker.io/library/db:1"}, []string{"docker.io/kindest/node:v1"}, []string{"docker.io/library/db:1"}
	p, err := New(catalogOf(net, kind, db, proof), Target{Profile: "test"}, Machine{CPUs: 2, Memory: 8 * gib})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const second = catalog.Duration(time.Second)

func TestPlan_CriticalPathAndWhatIsPulledFirst(t *testing.T) {
	p := platform(t)
	if got := strings.Join(p.Critical(), " "); got != "net kind proof" || p.Takes() != 33*time.Second {
		t.Errorf("critical path %q of %s", got, p.Takes())
	}
	var images []string
	for _, i := range p.Images() {
		images = append(images, i.Tier+" "+i.Ref+" "+i.Chain.String())
	}
	want := "cluster docker.io/kindest/node:v1 32s, docker docker.io/library/db:1 12s, bridge docker.io/library/db:1 2s"
	if got := strings.Join(images, ", "); got != want {
		t.Errorf("images %s, want %s", got, want)
	}
}

// What a component took on this machine counts for more than what the catalog
// expects, at the size that it took it at.
func TestNew_ExpectsWhatItTookTheLastTime(t *testing.T) {
	db, cache := component("db", 1), component("cache", 1, "db")
	db.Takes, cache.Takes, cache.Size = 4*second, 2*second, "ha"
	took := map[string]time.Duration{"db": 9 * time.Second, "cache": 90 * time.Second, "cache/ha": 7 * time.Second, "gone": time.Hour}
	for _, c := range []struct {
		took map[string]time.Duration
		want time.Duration
	}{{nil, 6 * time.Second}, {map[string]time.Duration{}, 6 * time.Second}, {took, 16 * time.Second}} {
		p, err := New(catalogOf(db, cache), Target{Profile: "test"}, Machine{Took: c.took})
		if err != nil || p.Takes() != c.want {
			t.Errorf("%v: %s, %v; want %s", c.took, p.Takes(), err, c.want)
		}
	}
}

func TestPlan_Formats(t *testing.T) {
	p := platform(t)
	js, err := json.MarshalIndent(p.JSON(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"plan.txt": p.Table(), "plan.mmd": p.Mermaid(), "plan.json": string(js) + "\n"} {
		golden.Compare(t, name, got)
	}
}

func TestNew_WarnsOfFewInotifyInstances(t *testing.T) {
	c := component("kind", 0)
	c.Driver = "cluster"
	for instances, want := range map[int]int{0: 0, 128: 1, 256: 0} {
		p, err := New(catalogOf(c), Target{Profile: "test"}, Machine{Inotify: instances})
		if err != nil || len(p.Warnings) != want {
			t.Errorf("%d instances: warnings %q, %v", instances, p.Warnings, err)
		}
	}
}
