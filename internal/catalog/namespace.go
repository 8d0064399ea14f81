package catalog

import (
	"cmp"
	"slices"
)

// Namespace is one that components live in.
type Namespace struct {
	Name         string
	PodSecurity  string // the level that its pods must keep
	Applications bool   // it is for the user's own, and so for all policies
}

// Applications is the namespace of the user's own workloads.
const Applications = "apps"

// Namespaces are those of the components, by name, each with the most that one of
// its components asks of its Pod Security level.
func Namespaces(cs []Component) []Namespace {
	var all []Namespace
	for _, c := range cs {
		if c.Namespace == "" || c.PodSecurity == "" {
			continue
		}
		i := slices.IndexFunc(all, func(n Namespace) bool { return n.Name == c.Namespace })
		if i < 0 {
			all = append(all, Namespace{Name: c.Namespace, PodSecurity: c.PodSecurity, Applications: c.Namespace == Applications})
			continue
		}
		// The levels are listed from the one that allows most.
		if slices.Index(podSecurity, c.PodSecurity) < slices.Index(podSecurity, all[i].PodSecurity) {
			all[i].PodSecurity = c.PodSecurity
		}
	}
	slices.SortFunc(all, func(a, b Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
