package plan

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
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
	p, err := New(catalogOf(component("c", 0, "b"), component("b", 0, "a"), component("a", 0), component("d", 0)), "test", Machine{})
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
		p, err := New(tt.cat, "test", Machine{})
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
			_, err := New(tt.cat, tt.profile, tt.m)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if exit.Code(err) != exit.BadInput {
				t.Errorf("exit code %d, want %d", exit.Code(err), exit.BadInput)
			}
		})
	}
}

// A platform that is up must not be told that its own memory is taken.
func TestNew_SecondRunHoldsWhatItAsks(t *testing.T) {
	c := component("a", 4*gib)
	c.Ports = []int{8080}
	if _, err := New(catalogOf(c), "test", Machine{Memory: gib, Ports: []int{8080}, Holds: true}); err != nil {
		t.Error(err)
	}
}

func TestNew_ProfileOverridesSettings(t *testing.T) {
	c := component("a", 0)
	c.Settings = map[string]any{"size": 1, "kept": "x"}
	cat := catalogOf(c)
	cat.Profiles[0].Settings = map[string]map[string]any{"a": {"size": 3}}
	p, err := New(cat, "test", Machine{})
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

func TestPlan_Table(t *testing.T) {
	p, err := New(catalogOf(component("net", 0), component("db", gib, "net")), "test", Machine{})
	if err != nil {
		t.Fatal(err)
	}
	want := `COMPONENT  TIER    DRIVER   CPU   MEMORY  DISK  TIMEOUT
net        docker  compose  500m  0       0     0s
db         docker  compose  500m  1Gi     1Gi   0s
sum                         1     1Gi     1Gi   

What waits for what, and why:
  db after net: it is there first
`
	if got := p.Table(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNew_WarnsOfFewInotifyInstances(t *testing.T) {
	c := component("kind", 0)
	c.Driver = "cluster"
	for instances, want := range map[int]int{0: 0, 128: 1, 256: 0} {
		p, err := New(catalogOf(c), "test", Machine{Inotify: instances})
		if err != nil || len(p.Warnings) != want {
			t.Errorf("%d instances: warnings %q, %v", instances, p.Warnings, err)
		}
	}
}
