package setupplatform

import (
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/netplan"
	"github.com/buenhyden/hy-home/internal/pattern"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/pull"
)

// values are the fields that files of the catalog may use:
//
//	platform            the platform's name
//	registry-mirror     URL, or empty
//	docker-username     of Docker Hub, or empty
//	registry            what this machine pushes to and the nodes pull from, as it
//	                    stands in names of images: "localhost:5001"; only where there is one
//	cache-<host>        URL of the cache of a registry's host: "cache-docker-io"
//	<network>-name      for each component of the driver "network", by the
//	<network>-subnet    component's name: "kind-net-subnet" is "172.18.0.0/16"
//	<network>-gateway
//	<network>-ip-range  only where the component sets it, as the next
//	<network>-pool
func values(p plan.Plan, o Options) (map[string]string, error) {
	if err := checkMirror(o.RegistryMirror); err != nil {
		return nil, err
	}
	if (o.DockerUsername == "") != (o.DockerPassword == "") {
		return nil, exit.BadInputf("docker-username and docker-password: only one of them is given, give both or none")
	}
	v := map[string]string{"platform": o.Name, pull.MirrorValue: o.RegistryMirror, pull.UsernameValue: o.DockerUsername}
	for _, c := range p.Components {
		if c.Driver == pull.CacheDriver {
			upstreams, _ := c.Settings["upstreams"].(map[string]any)
			for host := range upstreams {
				v[pull.CacheValue(host)] = pull.CacheURL(o.Name, host)
			}
		}
		if port, ok := c.Settings["port"].(int); ok && c.Driver == registryDriver {
			v[RegistryValue] = "localhost:" + strconv.Itoa(port)
		}
		if c.Driver != "network" {
			continue
		}
		text := func(key string) string { s, _ := c.Settings[key].(string); return s }
		n, err := netplan.Parse(text("network"), text("subnet"), text("gateway"), text("ip-range"))
		if err != nil {
			return nil, err
		}
		v[c.Name+"-name"] = n.Name
		v[c.Name+"-subnet"] = n.Subnet.String()
		v[c.Name+"-gateway"] = n.Gateway.String()
		for _, key := range []string{"ip-range", "pool"} {
			if text(key) != "" {
				v[c.Name+"-"+key] = text(key)
			}
		}
	}
	return v, nil
}

// registryDriver is the driver of the registry of this machine, and RegistryValue
// the value that says how images in it are called.
const (
	registryDriver = "registry"
	RegistryValue  = "registry"
)

// proofDriver is the driver whose component runs hyaction itself in a pod.
const proofDriver = "proof"

// clusterSettings gives the settings of a component with what the run says of
// the cluster, if it is the cluster or has to run on its nodes.
func clusterSettings(c catalog.Component, o Options) (map[string]any, error) {
	settings := maps.Clone(c.Settings)
	switch {
	case c.Driver == existingDriver:
		settings["kubeconfig"], settings["context"] = o.ClusterKubeconfig, o.ClusterContext
	case c.Driver == clusterDriver && o.NodeImage != "":
		if !imageForm.MatchString(o.NodeImage) {
			return nil, exit.BadInputf("node-image %q is no image with a tag or digest, such as kindest/node:v1.37.0", o.NodeImage)
		}
		settings["image"] = o.Lock.Pin(o.NodeImage)
	case c.Driver == proofDriver && o.ProofImage != "":
		if !imageForm.MatchString(o.ProofImage) {
			return nil, exit.BadInputf("proof-image %q is no image with a tag or digest, such as registry.example/hyaction:v1", o.ProofImage)
		}
		settings["image"] = o.ProofImage
	}
	return settings, nil
}

// given checks that the credentials of managed services are there: they cannot be
// made up.
func given(p plan.Plan, given map[string]string) error {
	for _, c := range p.Components {
		for _, e := range c.Expose {
			for part, name := range e.Secrets {
				if e.External && given[name] == "" {
					return exit.BadInputf("data-secrets has no %s: it is the %s of endpoint %s, and a managed service's cannot be generated", name, part, e.Name)
				}
			}
		}
		if !slices.ContainsFunc(c.Expose, func(e catalog.Endpoint) bool { return e.External }) {
			continue
		}
		// An endpoint that is logged in to by a credential of another name leaves those
		// who know it by the catalog's.
		for _, other := range p.Components {
			for _, name := range other.Secrets {
				if other.Name != c.Name && slices.Contains(c.Secrets, name) && given[name] == "" {
					return exit.BadInputf("data-secrets has no %s: %s logs in to %s with it", name, other.Name, c.Name)
				}
			}
		}
	}
	return nil
}

// checkChart reports a component whose chart is not the one that is locked.
func checkChart(c catalog.Component, l lock.Lock) error {
	chart, ok, err := lock.ChartOf(c)
	if err != nil || !ok {
		return err
	}
	return l.CheckChart(chart)
}

// clusterDriver is the driver whose component holds whatever needs it: with the
// cluster goes all that is in it.
const clusterDriver = "cluster"

// existingDriver is the driver of a cluster that others own: what the platform
// has in it is taken out piece by piece.
const existingDriver = "existing"

var (
	imageForm = pattern.New(`^[a-zA-Z0-9][a-zA-Z0-9._/-]*(:[0-9]+/[a-zA-Z0-9._/-]+)?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$`)
	// A platform's name becomes the name of a kind cluster, a Compose project and
	// the nodes' host names; with "-control-plane-2" these must fit 63 characters.
	platformName = pattern.New(`^[a-z][a-z0-9-]{0,38}[a-z0-9]$`)
)

func checkName(name string) error {
	if !platformName.MatchString(name) {
		return exit.BadInputf("name %q must be 2 to 40 lower case letters, digits and dashes, starting with a letter", name)
	}
	return nil
}

func checkMirror(mirror string) error {
	if mirror == "" {
		return nil
	}
	u, err := url.Parse(mirror)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return exit.BadInputf("registry-mirror %q is not a URL such as http://registry:5000", mirror)
	}
	return nil
}
