package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/decode"
)

// What the data tier is.
const (
	Docker   = "docker"   // Compose projects on this machine
	External = "external" // managed services that are there: RDS, MSK, S3
)

// externalDriver takes the place of a component's own where its service is
// managed by others.
const externalDriver = "external"

// Managed is where one endpoint of the data tier is when others run it.
type Managed struct {
	Name  string   `yaml:"name"`  // as the catalog exposes it: "redis"
	Hosts []string `yaml:"hosts"` // DNS names or addresses; several only for clustered services or addresses
	Port  int      `yaml:"port"`  // 0 leaves the catalog's

	// TLS is never left to the catalog: it tells of containers, and this is another
	// server, with a certificate of its own.
	TLS        bool   `yaml:"tls"`
	CAFile     string `yaml:"ca-file"`     // whom to trust; "" means the public authorities
	CA         string `yaml:"-"`           // what CAFile holds
	ServerName string `yaml:"server-name"` // that the certificate is for; "" means the host

	// What is "" is left as it is in the catalog.
	SASL     catalog.SASL `yaml:"sasl"`
	User     string       `yaml:"user"`
	Database string       `yaml:"database"`
	Region   string       `yaml:"region"`
	Bucket   string       `yaml:"bucket"`
	// Secrets are the names in data-secrets of parts that the catalog's endpoint has
	// no credential for, or another: password: kafka-password.
	Secrets map[string]string `yaml:"secrets"`
}

var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// ParseManaged reads a list of managed endpoints from YAML: `endpoints:` with a
// name, hosts and a port each. Unknown fields are errors.
func ParseManaged(text []byte) ([]Managed, error) {
	var doc struct {
		Endpoints []Managed `yaml:"endpoints"`
	}
	if err := decode.YAML(text, &doc); err != nil && !errors.Is(err, decode.ErrEmpty) {
		return nil, err
	}
	for i, m := range doc.Endpoints {
		switch {
		case m.Name == "":
			return nil, fmt.Errorf("endpoint %d has no name", i+1)
		case slices.ContainsFunc(doc.Endpoints[:i], func(other Managed) bool { return other.Name == m.Name }):
			return nil, fmt.Errorf("endpoint %s is there twice", m.Name)
		case len(m.Hosts) == 0:
			return nil, fmt.Errorf("endpoint %s has no hosts", m.Name)
		case m.Port < 0 || m.Port > 65535:
			return nil, fmt.Errorf("endpoint %s: port is %d, want 1 to 65535", m.Name, m.Port)
		case m.ServerName != "" && !hostForm.MatchString(m.ServerName):
			return nil, fmt.Errorf("endpoint %s: server-name %q is no DNS name", m.Name, m.ServerName)
		}
		for _, host := range m.Hosts {
			address, err := netip.ParseAddr(host)
			if err == nil && !address.Is4() || err != nil && (len(host) > 253 || !hostForm.MatchString(host)) {
				return nil, fmt.Errorf("endpoint %s: host %q is no DNS name and no IPv4 address; a port goes into its own field", m.Name, host)
			}
		}
	}
	return doc.Endpoints, nil
}

// unlisted are the endpoints of a component that managed does not speak of.
func unlisted(c catalog.Component, managed []Managed) []string {
	var names []string
	for _, e := range c.Expose {
		if !slices.ContainsFunc(managed, func(m Managed) bool { return m.Name == e.Name }) {
			names = append(names, fmt.Sprintf("%s (of %s)", e.Name, c.Name))
		}
	}
	return names
}

// elsewhere is a component of the data tier whose endpoints are all managed: what it
// offers and asks for stays, all that would run here goes.
func elsewhere(c catalog.Component, managed []Managed) (catalog.Component, error) {
	c.Driver = externalDriver
	c.Images, c.Ports, c.Needs, c.Ready, c.Settings = nil, nil, nil, nil, nil
	c.Budget, c.Takes = catalog.Budget{}, catalog.Duration(time.Second) // it is only spoken to
	c.Expose = slices.Clone(c.Expose)
	for i, e := range c.Expose {
		m := managed[slices.IndexFunc(managed, func(m Managed) bool { return m.Name == e.Name })]
		named := slices.ContainsFunc(m.Hosts, func(h string) bool { _, err := netip.ParseAddr(h); return err != nil })
		if named && len(m.Hosts) > 1 && !e.Clustered {
			return c, fmt.Errorf("endpoint %s: a Service can stand for one DNS name, data-endpoints lists %d", e.Name, len(m.Hosts))
		}
		e.External, e.Hosts, e.Published, e.NodePort = true, m.Hosts, 0, 0
		if m.Port != 0 {
			e.Port = m.Port
		}
		e.TLS, e.CAFile, e.CA, e.ServerName = m.TLS, m.CAFile, m.CA, m.ServerName
		e.SASL = cmp.Or(m.SASL, e.SASL)
		e.User = cmp.Or(m.User, e.User)
		e.Database = cmp.Or(m.Database, e.Database)
		e.Region = cmp.Or(m.Region, e.Region)
		e.Bucket = cmp.Or(m.Bucket, e.Bucket)
		if len(m.Secrets) > 0 {
			e.Secrets = maps.Clone(e.Secrets)
			if e.Secrets == nil {
				e.Secrets = map[string]string{}
			}
			maps.Copy(e.Secrets, m.Secrets)
			c.Secrets = slices.Concat(c.Secrets, slices.Sorted(maps.Values(m.Secrets)))
		}
		if faults := e.AccessFaults(); len(faults) > 0 {
			return c, fmt.Errorf("endpoint %s of data-endpoints: %s", e.Name, faults[0])
		}
		c.Expose[i] = e
	}
	return c, nil
}
