// Package plan decides what a platform is made of and in which order, and
// whether the machine can carry it. It is pure: the catalog and what is known
// of the machine are handed in, a [Plan] comes out, nothing is touched.
package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
)

// Machine is what is known of the machine. A zero field is unknown and checks nothing.
type Machine struct {
	CPUs   int
	Memory catalog.Bytes // free for use, caches counted as free
	Disk   catalog.Bytes // free where the Docker engine keeps its data
	Ports  []int         // TCP ports in use
	// Inotify is the kernel's limit of inotify instances per user.
	Inotify int

	// Took is how long components took here when they were last made, by [Key]. nil
	// means that nothing can be learned, as of an engine on another machine.
	Took map[string]time.Duration

	// Holds says that the platform runs on it already: what it asks for is
	// taken by itself, so that neither memory, disk nor ports are checked again.
	Holds bool
}

// Plan is what would be done, in an order that respects every need.
type Plan struct {
	Profile    string
	Components []catalog.Component // settings of the profile applied; needs come first
	Slots      []Slot              // of each component, in the same order
	Machine    Machine             // that it was checked against
	Budget     catalog.Budget      // the sum
	Warnings   []string            // what may go wrong, each with its cure
}

// Key is what a component is called in [Machine.Took]: its sizes differ.
func Key(c catalog.Component) string {
	if c.Size == "" {
		return c.Name
	}
	return c.Name + "/" + c.Size
}

// Target is what a platform is wanted to be.
type Target struct {
	Profile string // of the catalog
	Cluster string // [Kind] or [Existing]; "" means Kind
	Data    string // [Docker] or [External]; "" means Docker
	Managed []Managed
}

// What the cluster is.
const (
	Kind     = "kind"     // one that is made, and taken down again, with kind
	Existing = "existing" // one that was there before, and stays
)

// New chooses the components of a profile, applies its settings, orders them
// and checks the sum against the machine. Anything that does not fit is bad
// input: the sentence says how much is asked, how much there is, and by whom.
func New(cat catalog.Catalog, t Target, m Machine) (Plan, error) {
	p, err := cat.Profile(t.Profile)
	if err != nil {
		return Plan{}, err
	}
	chosen, err := choose(cat, p, t)
	if err != nil {
		return Plan{}, exit.BadInputf("profile %s: %w", p.Name, err)
	}
	ordered, err := order(withOffers(chosen))
	if err != nil {
		return Plan{}, exit.BadInputf("profile %s: %w", p.Name, err)
	}
	offers := catalog.OffersOf(ordered)
	for i, c := range ordered {
		if ordered[i].KubernetesSecrets, err = c.SecretsAmong(offers); err != nil {
			return Plan{}, exit.BadInputf("profile %s: %w", p.Name, err)
		}
	}
	for i, c := range ordered {
		if took, known := m.Took[Key(c)]; known {
			ordered[i].Takes = catalog.Duration(took)
		}
	}
	plan := Plan{Profile: p.Name, Components: ordered, Slots: schedule(ordered), Machine: m, Budget: sum(ordered)}
	plan.Warnings = plan.warn(m)
	return plan, plan.fits(m)
}

// minInotify instances are enough for a cluster of some nodes: each node's
// systemd, kubelet, containerd and kube-proxy take about 20, and all nodes are
// one user to the kernel. Its default of 128 was too few for six nodes.
const minInotify = 256

func (p Plan) warn(m Machine) []string {
	hasCluster := slices.ContainsFunc(p.Components, func(c catalog.Component) bool { return c.Driver == "cluster" })
	if hasCluster && m.Inotify > 0 && m.Inotify < minInotify {
		return []string{fmt.Sprintf("fs.inotify.max_user_instances is %d: with several nodes kubelet and kube-proxy may end with \"too many open files\"; raise it (sysctl fs.inotify.max_user_instances=512)", m.Inotify)}
	}
	return nil
}

// override gives settings with some replaced; the catalog's own stay as they are.
func override(settings, by map[string]any) map[string]any {
	if len(by) == 0 {
		return settings
	}
	merged := maps.Clone(settings)
	if merged == nil {
		merged = map[string]any{}
	}
	maps.Copy(merged, by)
	return merged
}

// order sorts the components so that each comes after what it needs, and else
// keeps the order given. A cycle is told with its members.
func order(cs []catalog.Component) ([]catalog.Component, error) {
	index := make(map[string]int, len(cs))
	for i, c := range cs {
		index[c.Name] = i
	}
	done := make([]bool, len(cs))
	var out []catalog.Component
	for len(out) < len(cs) {
		before := len(out)
		for i, c := range cs {
			if done[i] {
				continue
			}
			ready := true
			for _, n := range c.Needs {
				j, ok := index[n.Name]
				if !ok {
					return nil, fmt.Errorf("%s needs %s (%s), which is not chosen", c.Name, n.Name, n.Why)
				}
				ready = ready && done[j]
			}
			if ready {
				done[i] = true
				out = append(out, c)
			}
		}
		if len(out) == before {
			var stuck []string
			for i, c := range cs {
				if !done[i] {
					stuck = append(stuck, c.Name)
				}
			}
			return nil, fmt.Errorf("these need each other in a circle: %s", strings.Join(stuck, ", "))
		}
	}
	return out, nil
}

func sum(cs []catalog.Component) catalog.Budget {
	var b catalog.Budget
	for _, c := range cs {
		b.CPU += c.Budget.CPU
		b.Memory += c.Budget.Memory
		b.Limit += c.Budget.Limit
		b.Disk += c.Budget.Disk
	}
	return b
}

// fits checks the budget and the ports. Processors are no hard limit: what has
// too few of them is slow, not broken, until there is less than a third of what
// is asked and time-outs become likely.
func (p Plan) fits(m Machine) error {
	if m.Holds {
		return nil
	}
	if p.Budget.Disk > m.Disk && m.Disk > 0 {
		return exit.BadInputf("profile %s needs %s of disk, %s are free where Docker keeps its data: free some (docker system prune), or choose a smaller profile (largest: %s)",
			p.Profile, p.Budget.Disk, m.Disk, p.largest(func(b catalog.Budget) int64 { return int64(b.Disk) }))
	}
	if p.Budget.Memory > m.Memory && m.Memory > 0 {
		return exit.BadInputf("profile %s needs %s of memory, %s are free: stop something, or choose a smaller profile (largest: %s)",
			p.Profile, p.Budget.Memory, m.Memory, p.largest(func(b catalog.Budget) int64 { return int64(b.Memory) }))
	}
	if have := catalog.MilliCPU(m.CPUs * 1000); have > 0 && p.Budget.CPU > 3*have {
		return exit.BadInputf("profile %s asks for %s processors, the machine has %s: choose a smaller profile", p.Profile, p.Budget.CPU, have)
	}
	return p.ports(m.Ports)
}

func (p Plan) ports(used []int) error {
	owner := map[int]string{}
	for _, c := range p.Components {
		for _, port := range c.Ports {
			if other, ok := owner[port]; ok {
				return exit.BadInputf("port %d is wanted by %s and by %s: leave one of them out", port, other, c.Name)
			}
			owner[port] = c.Name
			if slices.Contains(used, port) {
				return exit.BadInputf("port %d, which %s needs, is in use on this machine: stop what listens there (ss -ltnp 'sport = :%d')", port, c.Name, port)
			}
		}
	}
	return nil
}

// largest names the three components that ask most, as in "kind 1Gi, prometheus 256Mi".
func (p Plan) largest(of func(catalog.Budget) int64) string {
	cs := slices.Clone(p.Components)
	slices.SortStableFunc(cs, func(a, b catalog.Component) int {
		return int(min(1, max(-1, of(b.Budget)-of(a.Budget))))
	})
	var names []string
	for _, c := range cs[:min(3, len(cs))] {
		names = append(names, c.Name+" "+catalog.Bytes(of(c.Budget)).String())
	}
	return strings.Join(names, ", ")
}

// Secrets are the names of all generated credentials of the plan, sorted.
func (p Plan) Secrets() []string {
	var names []string
	for _, c := range p.Components {
		names = append(names, c.Secrets...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Cluster says whether the plan has a Kubernetes cluster, made or existing.
func (p Plan) Cluster() bool {
	return slices.ContainsFunc(p.Components, func(c catalog.Component) bool { return c.Provides == "cluster" })
}

// Find gives a component of the plan by name.
func (p Plan) Find(name string) (catalog.Component, bool) {
	i := slices.IndexFunc(p.Components, func(c catalog.Component) bool { return c.Name == name })
	if i < 0 {
		return catalog.Component{}, false
	}
	return p.Components[i], true
}
