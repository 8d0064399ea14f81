package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Protocol is what is spoken at an endpoint.
type Protocol string

// The protocols that can be exposed, as each needs somebody who speaks it for a
// proof. TCP is for what sends nothing before it is asked.
const (
	TCP      Protocol = "tcp"
	HTTP     Protocol = "http"
	Redis    Protocol = "redis"
	Postgres Protocol = "postgres"
	Kafka    Protocol = "kafka"
	S3       Protocol = "s3"
)

var protocols = []Protocol{TCP, HTTP, Redis, Postgres, Kafka, S3}

// The parts of a credential that an endpoint may ask for, each the name of a
// generated secret.
const (
	Password  = "password"
	AccessKey = "access-key" // S3
	SecretKey = "secret-key" // S3
)

var secretParts = []string{Password, AccessKey, SecretKey}

// SASL is how clients log in to Kafka.
type SASL string

// The ways to log in that are spoken here; "" is none.
const (
	SASLPlain    SASL = "plain"
	SASLScram256 SASL = "scram-sha-256"
	SASLScram512 SASL = "scram-sha-512"
)

var saslMechanisms = []SASL{SASLPlain, SASLScram256, SASLScram512}

// Endpoint is one thing that a component offers to others over the network.
type Endpoint struct {
	Name     string   `yaml:"name"` // unique in a platform: "redis"
	Protocol Protocol `yaml:"protocol"`
	// Hosts answer alike: in the docker tier names on the data tier's network, in
	// the cluster tier Services of the component's namespace.
	Hosts []string `yaml:"hosts"`
	Port  int      `yaml:"port"`
	// Clustered says that clients are sent on to other hosts by name, as Kafka and
	// Redis Cluster do. They must never go through one virtual address, so that
	// each host is published under a name of its own.
	Clustered bool `yaml:"clustered"`
	// External says that Hosts are names and addresses elsewhere, of a managed
	// service that takes the component's place.
	External  bool `yaml:"-"`
	Published int  `yaml:"published"` // port of the machine it is reached at; 0 for none
	NodePort  int  `yaml:"node-port"` // cluster tier: port of every node that containers reach it at; 0 for none

	TLS bool `yaml:"tls"` // it is spoken over TLS, and the certificate is always checked
	// CAFile holds the certificates of those who may sign the endpoint's own, in PEM:
	// a file of the component, or beside data-endpoints. "" means the public ones.
	CAFile string `yaml:"ca-file"`
	CA     string `yaml:"-"` // what CAFile holds
	// ServerName is whom the certificate is for; "" means the host. It is for hosts
	// that are addresses.
	ServerName string `yaml:"server-name"`

	Path     string            `yaml:"path"`     // http: of a GET; "" means "/"
	Status   int               `yaml:"status"`   // http: that the GET answers; 0 means 200
	SASL     SASL              `yaml:"sasl"`     // kafka
	User     string            `yaml:"user"`     // http, redis, postgres, kafka: who logs in
	Database string            `yaml:"database"` // postgres; "" means the user's name
	Region   string            `yaml:"region"`   // s3; "" means that of whoever answers
	Bucket   string            `yaml:"bucket"`   // s3: where an object may be put, read and deleted; "" for nowhere
	Secrets  map[string]string `yaml:"secrets"`  // part of the credential -> name of a secret of the component
}

// Address is where one host is reached: a URL for what is asked by URLs, else
// host:port.
func (e Endpoint) Address(host string, port int) string {
	address := host + ":" + strconv.Itoa(port) // hosts are names and IPv4 addresses
	switch {
	case e.Protocol != HTTP && e.Protocol != S3:
		return address
	case e.TLS:
		return "https://" + address
	}
	return "http://" + address
}

// At is where the first host is reached, which answers as all of them do.
func (e Endpoint) At() string { return e.Address(e.Hosts[0], e.Port) }

// Addresses joins the addresses of several hosts, in the form that clients of
// clustered services take as their list to start from.
func (e Endpoint) Addresses(hosts []string) string {
	list := make([]string, len(hosts))
	for i, host := range hosts {
		list[i] = e.Address(host, e.Port)
	}
	return strings.Join(list, ",")
}

func checkEndpoint(c Component, e Endpoint, add func(string, ...any)) {
	if !nameForm.MatchString(e.Name) {
		add("expose: name %q must be lower case letters, digits and dashes", e.Name)
	}
	if !slices.Contains(protocols, e.Protocol) {
		add("expose %s: protocol is %q, want one of %v", e.Name, e.Protocol, protocols)
	}
	if len(e.Hosts) == 0 {
		add("expose %s: hosts is empty: name who answers", e.Name)
	}
	for _, host := range e.Hosts {
		if !nameForm.MatchString(host) {
			add("expose %s: host %q must be a plain name of lower case letters, digits and dashes", e.Name, host)
		}
	}
	for what, port := range map[string]int{"port": e.Port, "published": max(e.Published, 1), "node-port": max(e.NodePort, 1)} {
		if port < 1 || port > 65535 {
			add("expose %s: %s is %d, want 1 to 65535", e.Name, what, port)
		}
	}
	if e.Published != 0 && !slices.Contains(c.Ports, e.Published) {
		add("expose %s: published is %d, which is not in the component's ports", e.Name, e.Published)
	}
	if e.NodePort != 0 && c.Tier != "cluster" {
		add("expose %s: node-port is for the cluster tier", e.Name)
	}
	if e.Protocol == Kafka && !e.Clustered {
		add("expose %s: Kafka always sends its clients to its brokers by name: set clustered", e.Name)
	}
	for _, fault := range e.AccessFaults() {
		add("expose %s: %s", e.Name, fault)
	}
	for _, name := range e.Secrets {
		if !slices.Contains(c.Secrets, name) {
			add("expose %s: secret %q is not in the component's secrets", e.Name, name)
		}
	}
}

// CheckEndpoints reports an endpoint that two components of one platform would
// expose. In the catalog a name may be there twice: what takes another one's place,
// as a whole Prometheus stack does that of a single Prometheus, answers to its name.
func CheckEndpoints(cs []Component) error {
	exposes := map[string]string{}
	for _, c := range cs {
		for _, e := range c.Expose {
			if other, taken := exposes[e.Name]; taken {
				return fmt.Errorf("%s and %s both expose the endpoint %s: leave one of them out", other, c.Name, e.Name)
			}
			exposes[e.Name] = c.Name
		}
	}
	return nil
}

// ExternalService is the name of the Service that stands in the cluster for a
// host of the docker tier: one for all hosts, or one for each if clustered.
func (e Endpoint) ExternalService(host string) string {
	if e.Clustered {
		return host + "-external"
	}
	return e.Name + "-external"
}
