package setupplatform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/pull"
)

// imageLane is the row of the pulls. They begin at second 0 and wait for nobody
// but the caches; what needs an image waits for its node.
const imageLane = "images"

// pullsAtOnce bounds the images on the wire: with more each one is slower, and
// the first one that something waits for comes later.
const pullsAtOnce = 4

// pullTimeout of one image: 1 GiB at 2 MiB/s.
const pullTimeout = 9 * time.Minute

// buildTimeout of one image: a compiler on two processors has much to do. The
// run's own time limit ends it sooner.
const buildTimeout = 30 * time.Minute

// images adds the pulls and the builds to the nodes of the components.
func (r *run) images(nodes []engine.Node) []engine.Node {
	var pulls []engine.Node
	for _, i := range pull.Images(r.plan) {
		n := engine.Node{Lane: imageLane, Timeout: pullTimeout}
		switch {
		case i.Engine && r.o.Pull != nil:
			n.ID, n.Run = "pull "+short(i.Ref), r.pull(i.Ref)
		case !i.Engine && r.o.Prefetch:
			c, driver := r.cache()
			if driver == nil {
				continue
			}
			n.ID, n.Needs, n.Run = "prefetch "+short(i.Ref), []string{c.Name}, r.prefetch(driver, c, i.Ref)
		default:
			continue
		}
		pulls = append(pulls, n)
		for k := range nodes {
			if slices.Contains(i.For, nodes[k].ID) {
				nodes[k].Needs = append(nodes[k].Needs, n.ID)
			}
		}
	}
	return append(append(pulls, r.builds(nodes)...), nodes...)
}

// charts adds the fetches of charts: they too wait for nobody.
func (r *run) charts(nodes []engine.Node) []engine.Node {
	var fetches []engine.Node
	for _, c := range r.plan.Components {
		f, ok := r.o.Drivers[c.Driver].(engine.Fetcher)
		if _, remote, err := lock.RemoteChart(c); !ok || !remote || err != nil { // a wrong one was refused before
			continue
		}
		n := engine.Node{ID: "chart " + c.Name, Lane: imageLane, Timeout: pullTimeout}
		n.Run = func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			env := r.env
			env.Progress = progress
			return f.Fetch(ctx, c, env)
		}
		fetches = append(fetches, n)
		i := slices.IndexFunc(nodes, func(n engine.Node) bool { return n.ID == c.Name })
		nodes[i].Needs = append(nodes[i].Needs, n.ID)
	}
	return append(fetches, nodes...)
}

// builds are the images that are built here, which their components wait for.
func (r *run) builds(nodes []engine.Node) []engine.Node {
	var builds []engine.Node
	for k, c := range r.plan.Components {
		driver, ok := r.o.Drivers[c.Driver].(engine.Builder)
		if !ok {
			continue
		}
		for _, b := range c.Builds {
			n := engine.Node{ID: buildNode(b.Name), Lane: imageLane, Timeout: buildTimeout}
			for _, need := range b.Needs {
				n.Needs = append(n.Needs, buildNode(need))
			}
			n.Run = func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
				env := r.env
				env.Progress = progress
				return driver.Build(ctx, c, b.Name, env)
			}
			builds = append(builds, n)
			nodes[k].Needs = append(nodes[k].Needs, n.ID)
		}
	}
	return builds
}

func buildNode(name string) string { return "build " + name }

// cache is the component that runs the caches, and its driver.
func (r *run) cache() (catalog.Component, engine.Prefetcher) {
	for _, c := range r.plan.Components {
		if p, ok := r.o.Drivers[c.Driver].(engine.Prefetcher); ok && c.Driver == pull.CacheDriver {
			return c, p
		}
	}
	return catalog.Component{}, nil
}

func (r *run) pull(ref string) func(context.Context, func(string)) (engine.Outcome, error) {
	return func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		q := pull.Request{Ref: ref, Digest: digest(r.o.Lock, ref)}
		if pull.Host(ref) == "docker.io" {
			q.Username, q.Password = r.o.DockerUsername, r.o.DockerPassword
		}
		pulled, err := r.o.Pull(ctx, q, progress)
		if err != nil {
			return "", err
		}
		if pulled {
			return engine.Created, nil
		}
		return engine.Unchanged, nil
	}
}

// digest is the one that an image must have, "" if any will do.
func digest(l lock.Lock, ref string) string {
	_, d, _ := strings.Cut(l.Pin(ref), "@")
	return d
}

// prefetch ends well whatever happens, unless the image is not the locked one:
// the nodes find out themselves, and say better, what is wrong with an image.
func (r *run) prefetch(driver engine.Prefetcher, c catalog.Component, ref string) func(context.Context, func(string)) (engine.Outcome, error) {
	return func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		env := r.env
		env.Progress = progress
		err := driver.Prefetch(ctx, c, ref, env)
		switch {
		case err == nil:
		case errors.Is(err, engine.ErrMismatch):
			return "", err
		default:
			r.later.warn(fmt.Sprintf("prefetch %s: %v: the nodes pull it when they need it", short(ref), err))
		}
		return engine.Checked, nil
	}
}

// locked says how many of the images are pulled by digest, and which are not.
func (r Result) locked() string {
	var refs []string
	for _, i := range r.Plan.Images() {
		if !slices.Contains(refs, i.Ref) {
			refs = append(refs, i.Ref)
		}
	}
	if len(refs) == 0 {
		return ""
	}
	unknown := r.Env.Lock.Unknown(refs)
	fact := fmt.Sprintf("%d of %d", len(refs)-len(unknown), len(refs))
	for i, ref := range unknown {
		unknown[i] = short(ref)
	}
	if len(unknown) > 0 {
		fact += "; by tag: " + strings.Join(unknown, ", ")
	}
	return fact
}

// short is a reference as people know it: without its digest and Docker Hub's host.
func short(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(pull.Tag(lock.Normal(ref)), "docker.io/"), "library/")
}

// account asks every driver that keeps figures for those of the run. It has
// little time: a run that was cancelled has to end.
func (r *run) account(ctx context.Context) []engine.Table {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	var tables []engine.Table
	for _, c := range r.plan.Components {
		a, ok := r.o.Drivers[c.Driver].(engine.Accountant)
		if !ok {
			continue
		}
		t, err := a.Account(ctx, c, r.env)
		if err != nil {
			r.later.warn(fmt.Sprintf("figures of %s: %v", c.Name, err))
			continue
		}
		if len(t.Rows) > 0 { // none: the component was never reached
			tables = append(tables, t)
		}
	}
	return tables
}
