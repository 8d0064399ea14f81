package speak

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// To is the target that an endpoint's host is under one of its names, with the
// credentials that the endpoint names. Whatever the name, the certificate is that
// of the host.
func To(e catalog.Endpoint, host, name string, secrets map[string]string) Target {
	t := Target{
		Endpoint: e.Name, Protocol: e.Protocol, Name: name, Port: e.Port, Clustered: e.Clustered,
		Path: e.Path, Status: e.Status, SASL: e.SASL, User: e.User, Database: e.Database, Region: e.Region, Bucket: e.Bucket,
		Password:  secrets[e.Secrets[catalog.Password]],
		AccessKey: secrets[e.Secrets[catalog.AccessKey]],
		SecretKey: secrets[e.Secrets[catalog.SecretKey]],
	}
	if e.TLS {
		t.TLS, t.CA, t.ServerName = true, e.CA, host
		if e.ServerName != "" {
			t.ServerName = e.ServerName
		}
	}
	return t
}

// parcel is a list of targets on its way to a pod. A Secret may hold 1 MiB, a list
// of authorities has up to a quarter of that, and every target of an endpoint has
// the same: each list is in it once.
type parcel struct {
	Authorities []string   `json:"authorities,omitempty"`
	Targets     []numbered `json:"targets"`
}

type numbered struct {
	Target
	Authority int `json:"authority,omitempty"` // counted from 1; 0 for none
}

// Pack writes targets as text. It holds passwords.
func Pack(targets []Target) ([]byte, error) {
	p := parcel{Targets: []numbered{}}
	for _, t := range targets {
		n := numbered{Target: t}
		n.CA = ""
		if t.CA != "" {
			i := slices.Index(p.Authorities, t.CA)
			if i < 0 {
				p.Authorities = append(p.Authorities, t.CA)
				i = len(p.Authorities) - 1
			}
			n.Authority = i + 1
		}
		p.Targets = append(p.Targets, n)
	}
	return json.Marshal(p)
}

// Unpack reads what [Pack] wrote.
func Unpack(text []byte) ([]Target, error) {
	var p parcel
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("read the targets: %w", err)
	}
	targets := make([]Target, len(p.Targets))
	for i, n := range p.Targets {
		targets[i] = n.Target
		if n.Authority < 0 || n.Authority > len(p.Authorities) {
			return nil, fmt.Errorf("read the targets: there is no list %d of authorities", n.Authority)
		}
		if n.Authority > 0 {
			targets[i].CA = p.Authorities[n.Authority-1]
		}
	}
	return targets, nil
}
