// Package speak proves that an endpoint is what it is said to be: it resolves the
// name, opens the connection, and holds the shortest conversation of its protocol
// that a wrong server, a wrong password or a wrong address cannot pass.
//
// It speaks the protocols itself instead of starting a client for each, so that
// one small program does in a pod what would need an image per protocol there.
package speak

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
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

	Clustered bool   `json:"clustered,omitempty"` // the others that it names must answer too
	Path      string `json:"path,omitempty"`      // http
	Status    int    `json:"status,omitempty"`    // http; 0 means 200
	User      string `json:"user,omitempty"`
	Database  string `json:"database,omitempty"`
	Password  string `json:"password,omitempty"`
	AccessKey string `json:"access-key,omitempty"`
	SecretKey string `json:"secret-key,omitempty"`
}

// Answer is what became of one [Target].
type Answer struct {
	Endpoint string        `json:"endpoint"`
	Name     string        `json:"name"`
	Address  string        `json:"address"` // that the name resolved to; "" if it did not
	Took     time.Duration `json:"took"`    // of the last try: resolve, open and speak
	Said     string        `json:"said"`    // "PONG, SET and GET by redis-node-2"
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
		answer, err := try(ctx, t)
		<-turn
		if err == nil {
			return answer
		}
		answer.Fault = err.Error()
		var refused *refusal
		if errors.As(err, &refused) || time.Since(start)+pause > patience {
			return answer
		}
		select {
		case <-ctx.Done():
			return answer
		case <-time.After(pause):
		}
	}
}

func try(ctx context.Context, t Target) (answer Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	answer = Answer{Endpoint: t.Endpoint, Name: t.Name}
	start := time.Now()
	defer func() { answer.Took = time.Since(start) }()
	c, err := open(ctx, t.Name, t.Port)
	if err != nil {
		return answer, err
	}
	defer c.Close()
	answer.Address = c.address.String()
	switch t.Protocol {
	case catalog.TCP:
		answer.Said, err = speakTCP(c)
	case catalog.HTTP:
		answer.Said, err = speakHTTP(ctx, c, t)
	case catalog.S3:
		answer.Said, err = speakS3(ctx, c, t)
	case catalog.Redis:
		answer.Said, err = speakRedis(ctx, c, t)
	case catalog.Postgres:
		answer.Said, err = speakPostgres(c, t)
	case catalog.Kafka:
		answer.Said, err = speakKafka(ctx, c, t)
	default:
		err = refuse("nobody here speaks %s", t.Protocol)
	}
	return answer, err
}

// refusal is an answer that asking again will not change.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// conn is an open connection whose deadline is that of the try.
type conn struct {
	net.Conn
	address netip.AddrPort
}

// open resolves and connects in two steps, so that a fault says which it was.
func open(ctx context.Context, name string, port int) (*conn, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return nil, fmt.Errorf("the name %s is unknown", name)
		}
		return nil, fmt.Errorf("resolve %s: %w", name, err)
	}
	address := netip.AddrPortFrom(found[0].Unmap(), uint16(port))
	c, err := new(net.Dialer).DialContext(ctx, "tcp4", address.String())
	if err != nil {
		return nil, fmt.Errorf("open %s at %s: %w", name, address, cause(err))
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	return &conn{c, address}, nil
}

// cause leaves out the addresses that are told already.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		if op.Timeout() {
			return errors.New("no answer")
		}
		return op.Err
	}
	return err
}

// closedAtOnce is how soon a connection that nobody serves is closed again, as by
// a port that is published for a container in which nothing listens.
const closedAtOnce = 200 * time.Millisecond

func speakTCP(c *conn) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(closedAtOnce))
	var one [1]byte
	_, err := c.Read(one[:])
	var timeout net.Error
	if err != nil && (!errors.As(err, &timeout) || !timeout.Timeout()) {
		return "", fmt.Errorf("the connection was closed at once: %w", cause(err))
	}
	return "open", nil
}

// maxText bounds whatever a server may make us keep.
const maxText = 1 << 20

func hostPort(host string, port int) string { return host + ":" + strconv.Itoa(port) }

// printable is a server's text, cut to what fits into a table.
func printable(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == ' ' || r == '�' }), " ")
	if runes := []rune(s); len(runes) > 120 {
		s = string(runes[:120]) + "…"
	}
	return s
}
