// Package docker is the way to the Docker engine: one connection for all that
// use it, its absence told in one sentence, and the labels that say what the
// platform made.
package docker

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/exit"
)

// PlatformLabel is on everything the platform makes in Docker; its value is the
// platform's name, or * for what several platforms share. What lacks it is
// somebody else's and is never removed.
const PlatformLabel = "io.github.buenhyden.hyaction.platform"

// DefaultHost is where the engine listens unless told otherwise.
const DefaultHost = "unix:///var/run/docker.sock"

// MinAPI is the oldest engine API that works (Docker 20.10).
const MinAPI = "1.41"

// pingTimeout bounds the first question to the engine: a dead TCP address must
// not cost more than a person waits for a typing error.
const pingTimeout = 800 * time.Millisecond

// Engine is a Docker engine that is connected to when it is first needed, so
// that commands which need none pay nothing. It is safe for concurrent use.
type Engine struct {
	Host string // as in DOCKER_HOST; "" means [DefaultHost]

	mu     sync.Mutex
	client *client.Client
}

// Client gives the connection, made at the first call. An engine that does not
// answer or is too old is bad input: the error says what was tried and the cure.
func (e *Engine) Client(ctx context.Context) (*client.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client != nil {
		return e.client, nil
	}
	host := e.Host
	if host == "" {
		host = DefaultHost
	}
	c, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, exit.BadInputf("docker host %q cannot be used: %w", host, err)
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := reach(ctx, host); err != nil {
		return nil, exit.BadInputf("no Docker engine at %s (%w): start it (systemctl start docker) or set DOCKER_HOST", host, err)
	}
	ping, err := c.Ping(ctx)
	if err != nil {
		return nil, exit.BadInputf("the Docker engine at %s does not answer: %w", host, err)
	}
	if older(ping.APIVersion, MinAPI) {
		return nil, exit.BadInputf("the Docker engine at %s speaks API %s: %s (Docker 20.10) or newer is needed", host, ping.APIVersion, MinAPI)
	}
	c.NegotiateAPIVersionPing(ping)
	e.client = c
	return c, nil
}

// Close ends the connection, if there is one.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client == nil {
		return nil
	}
	c := e.client
	e.client = nil
	return c.Close()
}

// reach opens the engine's socket once, as the client's own error for a missing
// engine is a paragraph that ends in a question.
func reach(ctx context.Context, host string) error {
	u, err := url.Parse(host)
	if err != nil {
		return err
	}
	network, address := "tcp", u.Host
	switch u.Scheme {
	case "unix":
		network, address = "unix", u.Path
		if _, err := os.Stat(address); os.IsNotExist(err) {
			return fmt.Errorf("there is no such socket")
		}
	case "tcp", "http", "https":
	default:
		return nil // ssh and npipe: the client knows how
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return why(err)
	}
	return conn.Close()
}

// why is the innermost reason of a network error: the address is told already.
func why(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

func older(have, want string) bool {
	var a, b, c, d int
	if _, err := fmt.Sscanf(have, "%d.%d", &a, &b); err != nil {
		return false // an engine that does not tell is asked, not refused
	}
	_, _ = fmt.Sscanf(want, "%d.%d", &c, &d)
	return a < c || a == c && b < d
}
