// Package promql asks Prometheus for the value of a query at this moment.
//
// It speaks the two endpoints that a gate needs (/api/v1/query and query_range)
// to a [Target], with the credentials of an [Access]. The way into a cluster is
// the caller's: Access.Dial.
package promql

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Target says where Prometheus is: at a URL, behind a Service inside the cluster,
// or at a Service's URL.
type Target struct {
	URL string // without a trailing slash

	Namespace, Service string // empty unless it is reached through the cluster
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

// inCluster is the name that a Service has inside of a cluster.
var inCluster = regexp.MustCompile(`^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.cluster\.local)?$`)

// ParseAddress reads the address of an AnalysisTemplate, which is a URL as the
// controller sees it: that of a Service (name.namespace.svc) is reached through
// the cluster.
func ParseAddress(s string) (Target, error) {
	t, err := ParseTarget(s)
	if err != nil || t.URL == "" {
		return Target{}, fmt.Errorf("it must be a URL such as http://prometheus.monitoring.svc:9090")
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return Target{}, err
	}
	if m := inCluster.FindStringSubmatch(u.Hostname()); m != nil {
		t.Service, t.Namespace, t.Port = m[1], m[2], u.Port()
		if t.Port == "" {
			t.Port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
	}
	return t, nil
}

// InCluster reports whether it is reached through the cluster.
func (t Target) InCluster() bool { return t.Service != "" }

// base is the URL to ask. The port of a Service does not matter in it: what is
// dialled is the Service, by its own.
func (t Target) base() string {
	if t.URL != "" {
		return t.URL
	}
	return "http://" + t.Service + "." + t.Namespace + ".svc"
}

// String writes the target as ParseTarget reads it.
func (t Target) String() string {
	if t.URL != "" {
		return t.URL
	}
	return fmt.Sprintf("service:%s/%s:%s", t.Namespace, t.Service, t.Port)
}
