// Package plain runs a Kubernetes control plane with simulated nodes as
// processes on loopback, for whatever only talks to an API server: no container
// engine, no images, no root.
//
// Real are etcd, kube-apiserver, kube-controller-manager, kube-scheduler, the
// Argo Rollouts controller and Prometheus. Simulated are the nodes: kwok plays
// the kubelets, so a pod is scheduled and becomes Ready, but no container runs
// (see stages.yaml for how a pod can be told to get stuck).
//
// Each bed picks free ports, so several can run beside each other. One costs 7 s
// of CPU time to start, four fifths of it the API server's, and 1.2 GB.
package plain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/buenhyden/hy-home/internal/exit"
)

// The executables of a bed, by their names in [Options.BinDir].
const (
	Hyperkube = "hyperkube"           // Kubernetes and etcd in one, by argv[0]
	Kwok      = "kwok"                // the simulated kubelets
	Rollouts  = "rollouts-controller" // Argo Rollouts
)

// Options of [Up]. Dir and BinDir are required.
type Options struct {
	// Dir is the bed's own directory: kubeconfig, data, one log file for each
	// process. Up empties it, but only if it is empty, absent or an older bed's.
	Dir string
	// BinDir holds the executables [Hyperkube], [Kwok] and [Rollouts], and [CRDs],
	// which Up fetches if it is not there.
	BinDir     string
	Prometheus string            // its executable; default: "prometheus" from PATH
	Nodes      int               // simulated nodes, node-0 and so on; default 2
	Scrape     map[string]string // what Prometheus scrapes from its start: job -> host:port (see [Bed.Scrape])
	Tied       bool              // every process ends when this one does, however that ends (Linux)
	Timeout    time.Duration     // until everything is ready; default 5 min
	Progress   func(string)      // told what is being done; may be nil
}

// Bed is a running control plane with what belongs to it.
type Bed struct {
	Dir        string
	Kubeconfig string // path; a user of the group system:masters
	Kubectl    string // path of a kubectl of the API server's version
	APIServer  string // URL
	Prometheus string // URL

	procs *processes
	start func(names ...string) error // by who started the bed; nil if it was opened
}

// Config returns a client configuration without client-side rate limits, which
// would be the slowest part of a test.
func (b *Bed) Config() (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", b.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("plain test bed: read %s: %w", b.Kubeconfig, err)
	}
	cfg.QPS = -1
	return cfg, nil
}

// Up starts a bed, or returns the one that already runs in o.Dir if it answers.
// It returns when the bed does its work: the API server and Prometheus say they
// are ready, the CRDs of Argo Rollouts serve, and a pod was admitted, scheduled
// and became Ready. Whatever goes wrong, nothing stays running.
func Up(ctx context.Context, o Options) (*Bed, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if bed, err := Open(o.Dir); err == nil {
		if bed.ready(ctx) == nil {
			o.Progress("the plain test bed is up")
			return bed, nil
		}
		if err := bed.Down(); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	// A port is free when it is chosen and may be taken when it is opened, since
	// others choose too. Three attempts, as more than one collision is not chance.
	for attempt := 1; ; attempt++ {
		bed, err := up(ctx, o)
		if err == nil || attempt == 3 || !errors.Is(err, errPortTaken) {
			return bed, err
		}
	}
}

// Open finds the bed that Up left running in dir. The error is os.ErrNotExist
// if there is none. That its processes run does not mean that they work.
func Open(dir string) (*Bed, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	rec, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	return newBed(dir, rec.APIServer, rec.Prometheus, reopened(rec.Processes)), nil
}

// Down ends what Up started, and nothing else: a process whose number now
// belongs to another is left alone. Logs stay in Dir. Nothing to end is no error.
func (b *Bed) Down() error {
	if err := b.procs.end(); err != nil {
		return fmt.Errorf("plain test bed in %s: %w", b.Dir, err)
	}
	return removeRecord(b.Dir)
}

// Lost says which of the bed's programs ended first although nobody stopped it, and
// what it said at last: what needs it will not come. It knows of those that this
// process started.
func (b *Bed) Lost() error {
	b.procs.mu.Lock()
	defer b.procs.mu.Unlock()
	return b.procs.lost
}

// Stop kills one of the bed's programs, such as "prometheus", for [Bed.Start] to
// start again: what a test wants to see the absence of. Both are for who started the bed.
func (b *Bed) Stop(program string) error { return b.procs.stop(program) }

// Start starts a program that Stop has stopped, with the data and at the address
// that it had. It does not wait until it answers.
func (b *Bed) Start(program string) error {
	if b.start == nil {
		return fmt.Errorf("start %s: the plain test bed in %s was started by another process", program, b.Dir)
	}
	return b.start(program)
}

// clients are the programs that watch the API server.
var clients = []string{"kube-controller-manager", "kube-scheduler", "kwok", "rollouts-controller"}

// RenewClients starts what watches the API server anew, as soon as that is ready
// after a Stop and a Start. Left alone they come back late: client-go waits twice
// as long after each failed try, up to 30 s and as much again by chance, and
// begins afresh only after 2 minutes without one.
func (b *Bed) RenewClients(ctx context.Context) error {
	c, err := newClient(b)
	if err != nil {
		return err
	}
	if err := await(ctx, "the API server's /readyz", c.get("/readyz")); err != nil {
		return fmt.Errorf("%w%s", err, tail(filepath.Join(b.Dir, "kube-apiserver.log")))
	}
	for _, program := range clients {
		if err := errors.Join(b.Stop(program), b.Start(program)); err != nil {
			return err
		}
	}
	return nil
}

// Freeze stops a program from running without ending it: it takes connections
// and answers nothing, until [Bed.Thaw].
func (b *Bed) Freeze(program string) error { return b.procs.freeze(program) }

// Thaw lets a frozen program go on.
func (b *Bed) Thaw(program string) error {
	_, err := b.procs.signal(program, syscall.SIGCONT)
	return err
}

func newBed(dir, apiServer, prometheus string, procs *processes) *Bed {
	return &Bed{
		Dir:        dir,
		Kubeconfig: filepath.Join(dir, "kubeconfig"),
		Kubectl:    filepath.Join(dir, "bin", "kubectl"),
		APIServer:  apiServer,
		Prometheus: prometheus,
		procs:      procs,
	}
}

// complete fills the defaults and checks what was given.
func (o *Options) complete() (err error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute // 35 s were seen on 2 cores with 20 compilers
	}
	if o.Nodes == 0 {
		o.Nodes = 2
	}
	if o.Prometheus == "" {
		o.Prometheus = "prometheus"
	}
	if runtime.GOOS != "linux" {
		return exit.BadInputf("plain test bed: it runs on linux, not on %s", runtime.GOOS)
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	if o.BinDir, err = filepath.Abs(o.BinDir); err != nil {
		return err
	}
	if missing := Missing(o.BinDir, o.Prometheus); missing != "" {
		return exit.BadInputf("plain test bed: %s is missing; build it with `go run ./testbed up plain`", missing)
	}
	return nil
}
