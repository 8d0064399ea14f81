// Package docker is the way to the Docker engine: one connection for all that
// use it, its absence told in one sentence, and the labels that say what the
// platform made.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	endpoints "github.com/docker/cli/cli/context/docker"
	"github.com/docker/docker/client"

	"github.com/buenhyden/hy-home/internal/exit"
)

// PlatformLabel is on everything the platform makes in Docker; its value is the
// platform's name, or [Shared]. What lacks it is somebody else's and is never removed.
const PlatformLabel = "io.github.buenhyden.hyaction.platform"

// DefaultHost is where the engine listens unless told otherwise.
const DefaultHost = "unix:///var/run/docker.sock"

// MinAPI is the oldest engine API that works (Docker 20.10).
const MinAPI = "1.41"

const (
	// reachTimeout bounds the way to the engine: a dead TCP address must not cost
	// more than a person waits for a typing error, nor a busy machine the engine that
	// it has.
	reachTimeout = 3 * time.Second
	// answerTimeout bounds its first answer, which may come through TLS or ssh.
	answerTimeout = 10 * time.Second
	// lostTimeout bounds the question whether it is still there, of which a run that
	// was cancelled has to make do with some.
	lostTimeout = 2 * time.Second
)

// Engine is a Docker engine that is connected to when it is first needed, so
// that commands which need none pay nothing. It is safe for concurrent use.
type Engine struct {
	Host   string              // as in DOCKER_HOST; "" means as Getenv says
	Getenv func(string) string // the environment, which is read as the docker command reads it; nil is an empty one

	mu     sync.Mutex
	client *client.Client
	at     string // where it is connected to: of an ssh:// host the client does not know
	os     string // of the engine
}

// Client gives the connection, made at the first call. An engine that does not
// answer or is too old is bad input: the error says what was tried and the cure.
func (e *Engine) Client(ctx context.Context) (*client.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client != nil {
		return e.client, nil
	}
	found, named, err := e.endpoint()
	if err != nil {
		return nil, exit.BadInputf("%w", err)
	}
	host := found.Host
	if named != "" {
		host += " (docker context " + named + ")"
	}
	c, err := open(found)
	if err != nil {
		return nil, exit.BadInputf("the Docker engine at %s cannot be reached: %w", host, err)
	}
	if err := reach(ctx, found.Host); err != nil {
		return nil, exit.BadInputf("no Docker engine at %s (%w): start it (systemctl start docker), or set DOCKER_HOST or DOCKER_CONTEXT", host, err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	ping, err := c.Ping(ctx)
	if err != nil {
		return nil, exit.BadInputf("the Docker engine at %s does not answer: %w", host, said(err))
	}
	if older(ping.APIVersion, MinAPI) {
		return nil, exit.BadInputf("the Docker engine at %s speaks API %s: %s (Docker 20.10) or newer is needed", host, ping.APIVersion, MinAPI)
	}
	c.NegotiateAPIVersionPing(ping)
	e.client, e.at, e.os = c, found.Host, ping.OSType
	return c, nil
}

// Likely is the platform of an engine that has answered and is taken to run on this very
// machine: one behind a Unix socket. It is a guess, as the socket may lead elsewhere, and
// "" where there is none.
func (e *Engine) Likely() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client == nil || !strings.HasPrefix(e.at, "unix://") || e.os != runtime.GOOS {
		return ""
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}

// Here refuses an engine behind ssh: what it publishes is on the loopback address of
// that machine, and cannot be reached from this one.
func (e *Engine) Here(ctx context.Context) error {
	if _, err := e.Client(ctx); err != nil {
		return err
	}
	if strings.HasPrefix(e.at, "ssh://") {
		return exit.BadInputf("the Docker engine at %s is on another machine, where the cluster and the data services would listen on 127.0.0.1: run hyaction there", e.at)
	}
	return nil
}

func open(found endpoints.Endpoint) (*client.Client, error) {
	o, err := found.ClientOpts()
	if err != nil {
		return nil, err
	}
	return client.NewClientWithOpts(o...)
}

// Lost says why an engine that has answered does not any more; nil if it does, or
// was never asked.
func (e *Engine) Lost(ctx context.Context) error {
	e.mu.Lock()
	c, at := e.client, e.at
	e.mu.Unlock()
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lostTimeout)
	defer cancel()
	if _, err := c.Ping(ctx); err != nil {
		return fmt.Errorf("the Docker engine at %s does not answer any more", at)
	}
	return nil
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
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
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
		return nil // ssh and npipe: the docker command's own code knows how
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

// said is what ssh says of a host, without the advice around it.
func said(err error) error {
	_, words, ok := strings.Cut(err.Error(), "stderr=")
	lines := strings.Split(strings.TrimSpace(words), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); ok && last != "" {
		return errors.New(last)
	}
	return err
}

func older(have, want string) bool {
	var a, b, c, d int
	if _, err := fmt.Sscanf(have, "%d.%d", &a, &b); err != nil {
		return false // an engine that does not tell is asked, not refused
	}
	_, _ = fmt.Sscanf(want, "%d.%d", &c, &d)
	return a < c || a == c && b < d
}
