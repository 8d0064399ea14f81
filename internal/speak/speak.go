// Package speak proves that an endpoint is what it is said to be: it resolves the
// name, opens the connection, checks the certificate where there is TLS, and holds
// the shortest conversation of its protocol that a wrong server, a wrong password
// or a wrong address cannot pass.
//
// The protocols are spoken by the clients that applications use as well; what is
// here is the conversation, and what its faults mean. One small program so does in
// a pod what would need an image per protocol there.
//
// The same clients make what applications find in a service: see [MakeDatabases],
// [MakeTopics] and [MakeBuckets].
package speak

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// Target is one endpoint under one of its names.
type Target struct {
	Endpoint string           `json:"endpoint"`
	Protocol catalog.Protocol `json:"protocol"`
	Name     string           `json:"name"` // that is dialled
	Port     int              `json:"port"`

	TLS bool   `json:"tls,omitempty"`
	CA  string `json:"ca,omitempty"` // PEM: whom to trust; "" means the roots of this machine, or Mozilla's where it has none
	// ServerName is the host that the certificate must be for, and that a server
	// by HTTP is asked for; "" means Name. Behind a Service's name it is the
	// managed service's own: nobody has a certificate for the Service.
	ServerName string `json:"server-name,omitempty"`

	Clustered bool         `json:"clustered,omitempty"` // the others that it names must answer too
	Expect    []string     `json:"expect,omitempty"`    // redis, clustered: texts of CLUSTER INFO
	Path      string       `json:"path,omitempty"`      // http
	Status    int          `json:"status,omitempty"`    // http; 0 means 200
	SASL      catalog.SASL `json:"sasl,omitempty"`      // kafka
	User      string       `json:"user,omitempty"`
	Database  string       `json:"database,omitempty"`
	Password  string       `json:"password,omitempty"`
	Region    string       `json:"region,omitempty"` // s3
	Bucket    string       `json:"bucket,omitempty"` // s3: for an object that is put, read and deleted; "" for none
	AccessKey string       `json:"access-key,omitempty"`
	SecretKey string       `json:"secret-key,omitempty"`
}

// Answer is what became of one [Target].
type Answer struct {
	Endpoint string        `json:"endpoint"`
	Name     string        `json:"name"`
	Address  string        `json:"address"` // that the name resolved to; "" if it did not
	Took     time.Duration `json:"took"`    // of the last try: resolve, open and speak
	Said     string        `json:"said"`    // "SET and GET by redis-node-2"
	Fault    string        `json:"fault"`   // "" if it holds
}

// How long is tried.
const (
	// patience covers what passes by itself: a young cluster's DNS does not answer
	// for its first seconds and then remembers for up to 30 s that a name was
	// unknown, and a cluster that lost a node needs some seconds to go on.
	patience = 45 * time.Second
	oneTry   = 5 * time.Second
	pause    = 500 * time.Millisecond
)

// atOnce conversations are held at most, so that what is measured is the way and
// not the wait for a processor; those that are tried again do not hold others up.
const atOnce = 2

// All speaks to all targets and answers in their order.
func All(ctx context.Context, targets []Target) []Answer {
	answers := make([]Answer, len(targets))
	turn := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { answers[i] = one(ctx, t, patience, turn) })
	}
	all.Wait()
	return answers
}

// one tries until the target answers, or says something that will not change.
func one(ctx context.Context, t Target, patience time.Duration, turn chan struct{}) Answer {
	start := time.Now()
	for {
		turn <- struct{}{}
		answer, err := try(ctx, t, nil)
		<-turn
		if err == nil || isFinal(err) || time.Since(start)+pause > patience {
			return answer
		}
		select {
		case <-ctx.Done():
			return answer
		case <-time.After(pause):
		}
	}
}

// Once holds the conversation a single time, for at most 5 s. Names that hosts
// knows are not looked up: on the machine of an engine nobody else knows the names
// of its containers.
func Once(ctx context.Context, t Target, hosts map[string]netip.Addr) (Answer, error) {
	return try(ctx, t, hosts)
}

func try(ctx context.Context, t Target, hosts map[string]netip.Addr) (answer Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	answer = Answer{Endpoint: t.Endpoint, Name: t.Name}
	d := &dialer{target: t, hosts: hosts}
	start := time.Now()
	answer.Said, err = d.speak(ctx)
	answer.Took, answer.Address = time.Since(start), d.first()
	if err != nil && !t.TLS && answer.Address != "" && mayBeTLS(err) && d.speaksTLS(ctx) {
		err = refuse("%v (it speaks TLS at this port: set tls)", err)
	}
	if err != nil {
		answer.Fault = err.Error()
	}
	return answer, err
}

func (d *dialer) speak(ctx context.Context) (string, error) {
	if d.target.TLS {
		if err := d.trust(); err != nil {
			return "", err
		}
	}
	switch d.target.Protocol {
	case catalog.TCP:
		return speakTCP(ctx, d)
	case catalog.HTTP:
		return speakHTTP(ctx, d)
	case catalog.S3:
		return speakS3(ctx, d)
	case catalog.Redis:
		return speakRedis(ctx, d)
	case catalog.Postgres:
		return speakPostgres(ctx, d)
	case catalog.Kafka:
		return speakKafka(ctx, d)
	}
	return "", refuse("nobody here speaks %s", d.target.Protocol)
}
