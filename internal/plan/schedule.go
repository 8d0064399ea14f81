package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// Slot is when a component would be at work, counted from the start of the run,
// if each took what it took here the last time, or else what the catalog expects, and
// nothing had to queue.
type Slot struct {
	Start, End time.Duration
	Chain      time.Duration // from its start to the end of all that waits for it
	Critical   bool          // a second longer here is a second longer for the whole run
}

// schedule lays the components, which are in order, out in time.
func schedule(cs []catalog.Component) []Slot {
	slots := make([]Slot, len(cs))
	index := make(map[string]int, len(cs))
	var total time.Duration
	for i, c := range cs {
		index[c.Name] = i
		for _, n := range c.Needs {
			slots[i].Start = max(slots[i].Start, slots[index[n.Name]].End)
		}
		slots[i].End = slots[i].Start + time.Duration(c.Takes)
		total = max(total, slots[i].End)
	}
	for i, c := range slices.Backward(cs) {
		slots[i].Chain += time.Duration(c.Takes)
		slots[i].Critical = slots[i].Start+slots[i].Chain == total && total > 0
		for _, n := range c.Needs {
			need := &slots[index[n.Name]]
			need.Chain = max(need.Chain, slots[i].Chain)
		}
	}
	return slots
}

// Takes is how long the run is expected to take: the length of the critical path.
func (p Plan) Takes() time.Duration {
	var total time.Duration
	for _, s := range p.Slots {
		total = max(total, s.End)
	}
	return total
}

// Critical names the components of one critical path, in order.
func (p Plan) Critical() []string {
	var path []string
	at := time.Duration(0)
	for i, c := range p.Components {
		s := p.Slots[i]
		if s.Critical && s.Start == at && (len(path) == 0 || needs(c, path[len(path)-1])) {
			path, at = append(path, c.Name), s.End
		}
	}
	return path
}

func needs(c catalog.Component, name string) bool {
	return slices.ContainsFunc(c.Needs, func(n catalog.Need) bool { return n.Name == name })
}

// Image is one image that the plan pulls.
type Image struct {
	Ref       string
	Component string        // the first that needs it
	Tier      string        // docker, cluster or bridge: who pulls it
	Chain     time.Duration // what waits for it, see [Slot]
}

// Images are the images of the plan, each once per tier, in the order in which
// they are worth pulling: those first that the longest chain waits for.
func (p Plan) Images() []Image {
	var images []Image
	for i, c := range p.Components {
		for _, ref := range c.Images {
			images = append(images, Image{Ref: ref, Component: c.Name, Tier: c.Tier, Chain: p.Slots[i].Chain})
		}
	}
	slices.SortStableFunc(images, func(a, b Image) int { return cmp.Compare(b.Chain, a.Chain) })
	seen := map[[2]string]bool{}
	return slices.DeleteFunc(images, func(i Image) bool {
		key := [2]string{i.Tier, i.Ref}
		again := seen[key]
		seen[key] = true
		return again
	})
}
