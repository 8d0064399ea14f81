// Package setupplatform stands the platform up, tells how it is, and takes it
// down again. All it knows of the world comes through its [Options].
package setupplatform

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/disk"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/plan"
)

// Plan decides what a run would do, checks it against the machine and asks
// every driver whether it could. It changes nothing.
func Plan(ctx context.Context, o Options) (plan.Plan, error) {
	r, err := prepare(ctx, o)
	if err != nil {
		return plan.Plan{}, err
	}
	return r.plan, r.preflight(ctx)
}

// Run stands the platform up, or finds it standing. It can be cancelled and run
// again at any point: each component converges on its own.
func Run(ctx context.Context, o Options) (Result, error) {
	res := Result{Start: time.Now()}
	defer func() { res.End = time.Now() }()

	unlock, err := claim(o)
	if err != nil {
		return res, err
	}
	defer unlock()
	tell := o.Warn
	o.Warn = func(text string) {
		res.Warnings = append(res.Warnings, text)
		tell(text)
	}
	r, err := prepare(ctx, o)
	if err != nil {
		return res, err
	}
	res.Plan, res.Values = r.plan, r.env.Values
	if r.plan.Cluster() {
		res.Kubeconfig = r.env.Kubeconfig
	}
	if err := r.preflight(ctx); err != nil {
		return res, err
	}
	// From here on something is made: first of all the note of what.
	if err := r.record.add(r.plan).save(o.StateDir); err != nil {
		return res, err
	}
	if err := r.credentials(ctx); err != nil {
		return res, err
	}
	r.env.Warn = r.later.warn
	res.Env = r.env
	res.Env.Secrets = r.hidden()
	before := apply.Requests()
	res.Steps, err = engine.Run(ctx, r.explained(r.up()), engine.Options{
		Observe: o.Observe, Concurrency: o.Concurrency, Lanes: map[string]int{imageLane: pullsAtOnce},
		HeadStart: headStart(r.plan),
	})
	res.Requests = apply.Requests() - before
	if err == nil {
		r.remember(res.Steps)
	}
	res.Tables = r.account(ctx)
	r.later.tell(o.Warn)
	res.End = time.Now()
	return res, err
}

// remember keeps how long the components took that this run has made. Not to know it
// the next time is no reason to fail.
func (r *run) remember(steps []engine.Result) {
	if r.o.Remember == nil || r.plan.Machine.Took == nil {
		return
	}
	took := map[string]time.Duration{}
	for _, s := range steps {
		i := slices.IndexFunc(r.plan.Components, func(c catalog.Component) bool { return c.Name == s.ID })
		if i >= 0 && s.Outcome == engine.Created {
			took[plan.Key(r.plan.Components[i])] = s.End.Sub(s.Start)
		}
	}
	if err := r.o.Remember(took); err != nil {
		r.o.Log.Debug("remember", "error", err)
	}
}

// run is one run on its way: the plan and what its drivers are told.
type run struct {
	o      Options
	plan   plan.Plan
	record record
	env    engine.Env
	later  later
}

// later keeps warnings until a run is over: the console is the engine's until then.
type later struct {
	mu    sync.Mutex
	texts []string
}

func (l *later) warn(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts = append(l.texts, text)
}

func (l *later) tell(warn func(string)) {
	for _, text := range l.texts {
		warn(text)
	}
}

// prepare decides what is to be done. It changes nothing.
func prepare(ctx context.Context, o Options) (*run, error) {
	if err := checkName(o.Name); err != nil {
		return nil, err
	}
	// The profile is looked at before the machine: a typing error needs no engine.
	var err error
	if o.Catalog, err = o.Catalog.Choose(o.Profile, o.Choice); err != nil {
		return nil, err
	}
	rec, err := load(o.StateDir)
	if err != nil {
		return nil, err
	}
	rec.Name = o.Name
	target := plan.Target{Profile: o.Profile, Cluster: o.Cluster, Data: o.Data, Managed: o.Managed}
	if o, err = withFiles(ctx, o); err != nil {
		return nil, err
	}
	p, err := plan.New(o.Catalog, target, plan.Machine{})
	if err != nil {
		return nil, err
	}
	if onThisMachine(p) {
		machine, err := o.Machine(ctx)
		if err != nil {
			return nil, err
		}
		machine.Holds = len(rec.Components) > 0
		if p, err = plan.New(o.Catalog, target, machine); err != nil {
			return nil, err
		}
	}
	for _, w := range p.Warnings {
		o.Warn(w)
	}
	for i, c := range p.Components {
		if p.Components[i].Settings, err = clusterSettings(c, o); err != nil {
			return nil, err
		}
		if o.Drivers[c.Driver] == nil {
			return nil, exit.BadInputf("component %s wants driver %q, which this hyaction does not have", c.Name, c.Driver)
		}
		if err := checkChart(c, o.Lock); err != nil {
			return nil, err
		}
	}
	if err := given(p, o.Given); err != nil {
		return nil, err
	}
	if o, err = withSealedKeys(p, o); err != nil {
		return nil, err
	}
	if err := checkSecrets(p.Components); err != nil {
		return nil, err
	}
	values, err := values(p, o)
	if err != nil {
		return nil, err
	}
	return &run{o: o, plan: p, record: rec, env: o.env(p.Components, values)}, nil
}

// onThisMachine reports that something of the plan runs in this machine's Docker
// engine: else none is needed, and there is nothing to measure.
func onThisMachine(p plan.Plan) bool {
	return slices.ContainsFunc(p.Components, func(c catalog.Component) bool { return c.Tier == "docker" || c.Driver == clusterDriver })
}

// env is what every driver is told of the platform that is made of cs.
func (o Options) env(cs []catalog.Component, values map[string]string) engine.Env {
	return engine.Env{
		Shared:     slices.ContainsFunc(cs, func(c catalog.Component) bool { return c.Driver == existingDriver }),
		Name:       o.Name,
		Components: cs,
		StateDir:   o.StateDir,
		Kubeconfig: filepath.Join(o.StateDir, "kubeconfig"),
		Values:     values,
		Lock:       o.Lock,
		ChartDir:   o.ChartDir,
		Environ:    o.Environ,
		Mask:       o.Mask,
		Warn:       o.Warn,
		Progress:   o.Progress,
		Log:        o.Log,
	}
}

// preflight asks every driver that can tell whether its components could work.
func (r *run) preflight(ctx context.Context) error {
	for _, name := range r.drivers() {
		p, ok := r.o.Drivers[name].(engine.Preflighter)
		if !ok {
			continue
		}
		var cs []catalog.Component
		for _, c := range r.plan.Components {
			if c.Driver == name {
				cs = append(cs, c)
			}
		}
		if err := p.Preflight(ctx, cs, r.env); err != nil {
			return err
		}
	}
	return nil
}

// drivers are the names of the drivers of the plan, each once, in its order.
func (r *run) drivers() []string {
	var names []string
	for _, c := range r.plan.Components {
		if !slices.Contains(names, c.Driver) {
			names = append(names, c.Driver)
		}
	}
	return names
}

// makeStateDir makes the state directory for its owner alone: it will hold a
// kubeconfig and secrets.
func makeStateDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return exit.BadInputf("state directory %q is not an absolute path", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", disk.Explain(err, filepath.Dir(dir)))
	}
	return nil
}
