package plain

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/buenhyden/hy-home/internal/exit"
)

// etcd's addresses, relative to the bed's directory: the path of a socket may
// not be longer than 107 bytes. etcd wants to see a port, so the files' names
// end in one.
const (
	etcdSocket = "unix://etcd:0"
	peerSocket = "unix://peer:0"
)

// starter is a bed on its way up.
type starter struct {
	*Bed
	o                          Options
	api, metrics, health, prom string // host:port of each listener
}

// up starts the programs as early as each can use the others, and waits for
// what they do together.
func up(ctx context.Context, o Options) (_ *Bed, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("not ready within %s", o.Timeout))
	defer cancel()
	ctx, died := context.WithCancelCause(ctx)
	defer died(nil)

	if err := emptyDir(o.Dir); err != nil {
		return nil, err
	}
	s := &starter{o: o}
	if err := FreePorts(&s.api, &s.metrics, &s.health, &s.prom); err != nil {
		return nil, fmt.Errorf("plain test bed: %w", err)
	}
	s.Bed = newBed(o.Dir, "https://"+s.api, "http://"+s.prom, newProcesses(died))
	s.start = s.run
	defer func() {
		if err == nil {
			return
		}
		if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
			err = cause // a program that ended, rather than whose request that cut short
		}
		err = errors.Join(fmt.Errorf("plain test bed: %w", err), s.Down())
	}()
	if err := s.writeFiles(); err != nil {
		return nil, err
	}

	o.Progress("starting etcd, kube-apiserver and prometheus")
	if err := s.run("etcd", "kube-apiserver", "prometheus"); err != nil {
		return nil, err
	}
	c, err := newClient(s.Bed)
	if err != nil {
		return nil, err
	}
	// Not /readyz: the API server takes objects some time before it says that
	// all of its own start-up work is done.
	if err := await(ctx, "the API server", c.get("/livez/ping")); err != nil {
		return nil, err
	}
	o.Progress("starting the controllers and " + strconv.Itoa(o.Nodes) + " simulated nodes")
	if err := s.run("kube-scheduler", "kwok"); err != nil {
		return nil, err
	}
	if err := s.fill(ctx, c); err != nil {
		return nil, err
	}
	o.Progress("waiting until a pod runs, the CRDs serve and Prometheus is ready")
	if err := c.ready(ctx, "http://"+s.health+"/healthz"); err != nil {
		return nil, err
	}
	return s.Bed, nil
}

// fill creates the nodes, and the CRDs with their controller. The controller
// manager comes only when the API server says that it is ready: it gives up
// after 10 s, which the API server's start-up work alone can take on a busy
// machine. The others try until they succeed.
func (s *starter) fill(ctx context.Context, c *client) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := await(ctx, "the API server's /readyz", c.get("/readyz")); err != nil {
			return err
		}
		return s.run("kube-controller-manager")
	})
	g.Go(func() error { return c.createNodes(ctx, s.o.Nodes) })
	g.Go(func() error {
		crds, err := loadCRDs(ctx, s.o.BinDir)
		if err != nil {
			return err
		}
		if err := c.createCRDs(ctx, crds); err != nil {
			return err
		}
		return s.run("rollouts-controller")
	})
	return g.Wait()
}

// writeFiles writes what the programs read.
func (s *starter) writeFiles() error {
	if err := writeIdentity(s.Dir, s.APIServer); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "stages.yaml"), stages, 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.Kubectl), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(s.o.BinDir, Hyperkube), s.Kubectl); err != nil {
		return err
	}
	return writePrometheus(s.Bed, s.o.Scrape)
}

// emptyDir makes dir, or empties it if a bed was there. Anything else in it is
// somebody's and stays.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, "stages.yaml")); err != nil {
			return exit.BadInputf("plain test bed: directory %s holds something that is not a test bed: name an empty one", dir)
		}
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) // nobody else may reach etcd's socket or the keys
}

// FreePorts fills in free addresses on loopback, host:port. They lie below the range
// from which Linux takes the ports of outgoing connections (32768 and up), so that
// only another listener can take one before its program opens it.
func FreePorts(addresses ...*string) error {
	for _, address := range addresses {
		var l net.Listener
		var err error
		for range 100 {
			if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000))); err == nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("no free port on loopback: %w", err)
		}
		defer l.Close() // all at the end, so that they differ
		*address = l.Addr().String()
	}
	return nil
}

// await asks until the answer is nil, every 50 ms: a bed is ready in some
// seconds, so a longer interval would be felt and a shorter one costs CPU.
func await(ctx context.Context, what string, probe func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if ctx.Err() == context.DeadlineExceeded {
				return fmt.Errorf("waiting for %s: %w; last answer: %w", what, context.Cause(ctx), err)
			}
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
