// Package promql asks Prometheus for the value of a query at this moment.
//
// It speaks the one endpoint that a gate needs (/api/v1/query) over any HTTP
// client, so that the same code reaches a Prometheus by its URL and one inside a
// cluster through the API server's service proxy.
package promql

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Target says where Prometheus is: either URL is set, or the three names of a
// Service inside the cluster.
type Target struct {
	URL string // without a trailing slash

	Namespace, Service string
	Port               string // number or name
}

var (
	dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	portName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$`)
)

// ParseTarget reads "http://host:port/prefix" or "service:namespace/name:port".
// A URL with credentials is refused: it would end up in logs.
func ParseTarget(s string) (Target, error) {
	if rest, ok := strings.CutPrefix(s, "service:"); ok {
		namespace, rest, ok1 := strings.Cut(rest, "/")
		name, port, ok2 := strings.Cut(rest, ":")
		if !ok1 || !ok2 || !dnsLabel.MatchString(namespace) || !dnsLabel.MatchString(name) || !portName.MatchString(port) {
			return Target{}, fmt.Errorf("a service is written service:namespace/name:port, such as service:monitoring/prometheus:9090")
		}
		return Target{Namespace: namespace, Service: name, Port: port}, nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return Target{}, fmt.Errorf("it must be a URL such as http://prometheus:9090, or service:namespace/name:port")
	case u.User != nil:
		return Target{}, fmt.Errorf("a URL must not hold credentials, it is shown in logs")
	case u.RawQuery != "" || u.Fragment != "":
		return Target{}, fmt.Errorf("a URL must end with its path, without ? or #")
	}
	return Target{URL: strings.TrimRight(u.String(), "/")}, nil
}

// String writes the target as ParseTarget reads it.
func (t Target) String() string {
	if t.URL != "" {
		return t.URL
	}
	return fmt.Sprintf("service:%s/%s:%s", t.Namespace, t.Service, t.Port)
}
