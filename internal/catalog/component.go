// Package catalog holds the platform's components as data.
//
// A component is one directory under components/: component.yaml says what it
// is, and beside it lie the plain files of its driver (compose.yaml, values.yaml
// and a chart, manifests/). Adding one needs no Go edit: the loader walks the
// embedded tree, and the order comes from what each one needs. The profiles
// under profiles/ choose components and their settings.
package catalog

import (
	"io/fs"
	"strings"
)

// Component is one directory of the catalog, decoded.
type Component struct {
	Name        string `yaml:"name"` // equals the directory's name; upstream's own name
	Description string `yaml:"description"`
	Tier        string `yaml:"tier"`   // docker, cluster or bridge: the lane it is drawn in
	Driver      string `yaml:"driver"` // network, cache, registry, compose, cluster, helm, manifest, credentials, bridge, endpoints, provision or proof

	// Provides is a second name that others may need it by: "cluster". Where the
	// cluster is another one, another component provides it.
	Provides string `yaml:"provides"`
	// ForCluster says that it exists only where the cluster is made by kind
	// ("kind"), or only where it was there before ("existing"); "" is both.
	ForCluster string `yaml:"for-cluster"`

	// ForData is "docker" for what exists only where the data tier runs in this
	// machine's Docker engine; "" is always.
	ForData string `yaml:"for-data"`

	Needs   []Need   `yaml:"needs"`
	Budget  Budget   `yaml:"budget"`
	Images  []string `yaml:"images"`  // every image it pulls, with its tag
	Builds  []Build  `yaml:"-"`       // every image that is built for it: only the user's own files ask for that
	Ports   []int    `yaml:"ports"`   // TCP ports of the machine that it listens on
	Secrets []string `yaml:"secrets"` // generated credentials it uses: "redis-password"
	// KubernetesSecrets are made from them in the cluster before all else of the
	// component. Their values go that way only, never through a chart's values.
	KubernetesSecrets []KubernetesSecret `yaml:"kubernetes-secrets"`

	Timeout Duration `yaml:"timeout"` // of one attempt; required
	// Takes is how long it takes once its needs are done and its images are there,
	// measured on two processors; it decides what starts, and is pulled, first.
	Takes Duration `yaml:"takes"`

	Namespace   string  `yaml:"namespace"`    // cluster tier: where it lives
	PodSecurity string  `yaml:"pod-security"` // privileged, baseline or restricted: the namespace's enforced level
	Ready       []Probe `yaml:"ready"`        // all must hold before what needs it starts

	// Settings of the driver, by its own names (a chart's path and version, a
	// network's subnet). The driver decodes and checks them.
	Settings map[string]any `yaml:"settings"`

	Expose []Endpoint `yaml:"expose"` // what others use of it

	// OptIn is why no profile chooses it, so that it runs only where a user adds it.
	OptIn string `yaml:"opt-in"`
	// Proven is shown in docs/components.md.
	Proven Proof `yaml:"proven"`

	// From is the other size that a size starts from; only a size has it.
	From string `yaml:"from"`
	// Size is which of its sizes this is; "" is the own one, [Slim].
	Size string `yaml:"-"`
	// Files is the component's own directory.
	Files fs.FS `yaml:"-"`

	sizes map[string]Component // the others, see [Component.Sized]
}

// Need is one edge of the graph. Why is shown in the plan: an edge without a
// reason is an edge nobody dares to remove.
type Need struct {
	Name string `yaml:"name"`
	Why  string `yaml:"why"`
	// Optional needs count only where both are chosen: a cluster works without a
	// bridge, but where there is one it comes first.
	Optional bool `yaml:"optional"`
}

// Build is one image that is built on this machine, and those of the same
// component that it is built on.
type Build struct {
	Name  string
	Needs []string
}

// Budget is what a component asks of the machine once it is up. A component
// that asks for nothing says so with zeros.
type Budget struct {
	CPU    MilliCPU `yaml:"cpu"`    // Kubernetes quantity: "250m", "2"
	Memory Bytes    `yaml:"memory"` // resident, and no less than its pods ask for: "128Mi"
	Limit  Bytes    `yaml:"limit"`  // the most that it is given of memory; 0 where nothing bounds it
	Disk   Bytes    `yaml:"disk"`   // Kubernetes quantity: "1Gi"
	// Basis is where Memory is from, and begins with "measured", "sourced" (a figure
	// of its makers, or one seen elsewhere) or "estimated".
	Basis string `yaml:"basis"`
}

// Measured says that Memory has been seen here: it is no estimate, and no figure of others.
func (b Budget) Measured() bool { return strings.HasPrefix(b.Basis, "measured") }
