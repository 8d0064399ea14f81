package engine

import (
	"context"
	"errors"
	"log/slog"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/lock"
)

// Driver brings one kind of component up and down. Both calls are idempotent:
// Apply on something that is as wanted answers [Unchanged], Remove on something
// that is gone answers [Unchanged] too.
type Driver interface {
	Apply(ctx context.Context, c catalog.Component, env Env) (Outcome, error)
	Remove(ctx context.Context, c catalog.Component, env Env) (Outcome, error)
}

// Preflighter is a [Driver] that can find out before anything starts that it
// cannot work: no engine, a taken subnet or port. It changes nothing.
type Preflighter interface {
	Preflight(ctx context.Context, cs []catalog.Component, env Env) error
}

// Describer is a [Driver] that reads what a component asks for (images, ports,
// memory, secrets) from files that the catalog does not describe: the user's
// own. It answers with the component filled in, and changes nothing.
type Describer interface {
	Describe(ctx context.Context, c catalog.Component, env Env) (catalog.Component, error)
}

// Recaller is a [Driver] of a cluster that may be there before the run. Recall
// reads what the platform has generated before from the cluster, if there is one:
// nothing is an answer too. It changes nothing.
type Recaller interface {
	Recall(ctx context.Context, c catalog.Component, env Env) (map[string]string, error)
}

// ErrMismatch marks what is not what the lock says it must be.
var ErrMismatch = errors.New("not as locked")

// Prefetcher is a [Driver] that can have images fetched before the nodes of a
// cluster ask for them. Only [ErrMismatch] is a reason to end the run: what else
// went wrong will show when the image is needed.
type Prefetcher interface {
	Prefetch(ctx context.Context, c catalog.Component, image string, env Env) error
}

// Fetcher is a [Driver] that can have what a component is made from, such as a
// chart, on this machine before the component's turn has come.
type Fetcher interface {
	Fetch(ctx context.Context, c catalog.Component, env Env) (Outcome, error)
}

// Builder is a [Driver] that can build an image of a component before the
// component itself starts: name is one of its Builds, whose needs are built. An
// image that came out as it was is [Unchanged].
type Builder interface {
	Build(ctx context.Context, c catalog.Component, name string, env Env) (Outcome, error)
}

// Accountant is a [Driver] that can tell in figures what a component did in the
// run that has just ended.
type Accountant interface {
	Account(ctx context.Context, c catalog.Component, env Env) (Table, error)
}

// Table is figures for people; a short row has no more to tell.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
}

// Env is what a driver is told of the platform it works on.
type Env struct {
	Name       string              // of the platform, and so of its kind cluster: "hy-home"
	StateDir   string              // what must outlive the process: kubeconfig, generated secrets, the record of what was made
	Kubeconfig string              // path; the cluster driver writes it, the others read it
	Shared     bool                // the cluster was there before the platform, and others use it too
	Values     map[string]string   // fields for templates in the catalog's files: subnets, addresses, image names
	Secrets    map[string]string   // credentials by name, generated and given; never printed
	Generated  map[string]string   // all that the platform has generated, also for earlier profiles; never printed
	Lock       lock.Lock           // the digests that charts and images must have; its zero value knows none
	ChartDir   string              // packaged charts that are taken before their repositories'; "" for none
	Environ    map[string]string   // the caller's variables, for files of the user's own
	Components []catalog.Component // of the whole plan, for those who work on what all of them offer
	Mask       func(string)        // hides a secret in all that is printed; never nil
	Warn       func(string)        // what may go wrong later, with its cure; never nil
	Progress   func(string)        // one line of what is being done now; never nil
	Log        *slog.Logger        // debug output; never nil
}
