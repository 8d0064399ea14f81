package catalog

import (
	"slices"
	"strings"
)

// Proof is how far a component has been seen to work before anybody relies on it.
type Proof struct {
	How string `yaml:"how"` // the farthest of [Ways] that it has come
	By  string `yaml:"by"`  // what saw it, and what stood in for what; ran and accepted must say
}

// Way is one way to prove a component.
type Way struct{ Name, Means string }

// Ways are those that there are, the one that shows most first.
var Ways = []Way{
	{"ran", "it was brought up by a platform of the [test bed](../testbed/README.md), or its driver did its work against a real server, and its probes held"},
	{"accepted", "a real API server took all its objects, with Pod Security enforced; no pod of it ran"},
	{"rendered", "its chart or manifests were rendered by the real library: every value is one that the chart reads, every image is listed, every object keeps the schema of its kind, what its probes and endpoints name is there"},
	{"loaded", "its Compose file was loaded by Compose's own library, at every size; its variables and flags were looked up in the image's documentation or source, of that version"},
}

// checkProof judges a proof that is given. The catalog's own components must have
// one, see the conformance suite; those of a user need not.
func checkProof(p Proof, add func(string, ...any)) {
	if p == (Proof{}) {
		return
	}
	names := make([]string, len(Ways))
	for i, w := range Ways {
		names[i] = w.Name
	}
	if !slices.Contains(names, p.How) {
		add("proven: how is %q, want one of %s", p.How, strings.Join(names, ", "))
	}
	if (p.How == "ran" || p.How == "accepted") && strings.TrimSpace(p.By) == "" {
		add("proven: by is missing: say what saw that it %s", map[string]string{"ran": "runs", "accepted": "is accepted"}[p.How])
	}
}
