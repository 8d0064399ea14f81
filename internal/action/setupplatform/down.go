package setupplatform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/secrets"
)

// Down removes what the platform made, in the reverse order of the graph, and
// nothing else. Without a record, as after a lost state directory, it looks for
// every component of the catalog: each is known by its label or its name.
func Down(ctx context.Context, o Options) (Result, error) {
	res := Result{Start: time.Now()}
	unlock, err := claim(o)
	if err != nil {
		return res, err
	}
	defer unlock()
	rec, err := load(o.StateDir)
	if err != nil {
		return res, err
	}
	cs := recorded(o.Catalog, rec)
	var l later
	tell := o.Warn
	o.Warn = l.warn
	res.Steps, err = engine.Run(ctx, o.down(cs), engine.Options{Observe: o.Observe})
	l.tell(tell)
	res.End = time.Now()
	if err != nil {
		return res, err
	}
	return res, forget(o.StateDir)
}

// down is the graph of a removal: each edge turned around. What is inside the
// cluster goes with the cluster and has no node; what it needed outside, as the
// bridge needs the data tier's network, waits for the cluster instead.
func (o Options) down(cs []catalog.Component) []engine.Node {
	inside := insideCluster(cs)
	left := slices.DeleteFunc(slices.Clone(cs), func(c catalog.Component) bool {
		return inside[c.Name] || o.Drivers[c.Driver] == nil
	})
	var nodes []engine.Node
	for _, c := range left {
		node := engine.Node{ID: c.Name, Lane: c.Tier, Timeout: time.Duration(c.Timeout)}
		for _, other := range cs {
			if !slices.ContainsFunc(other.Needs, func(n catalog.Need) bool { return n.Name == c.Name }) {
				continue
			}
			for _, first := range left {
				if first.Name == other.Name || inside[other.Name] && first.Driver == clusterDriver && first.Name != c.Name {
					node.Needs = append(node.Needs, first.Name)
				}
			}
		}
		slices.Sort(node.Needs)
		node.Needs = slices.Compact(node.Needs)
		node.Run = func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
			env := o.env(cs, map[string]string{pull.KeepValue: strconv.FormatBool(o.KeepCache)})
			env.Progress = progress
			return o.Drivers[c.Driver].Remove(ctx, c, env)
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// insideCluster finds what needs the cluster, directly or through others.
func insideCluster(cs []catalog.Component) map[string]bool {
	inside := map[string]bool{}
	cluster := map[string]bool{}
	for _, c := range cs {
		cluster[c.Name] = c.Driver == clusterDriver
	}
	for grown := true; grown; {
		grown = false
		for _, c := range cs {
			for _, n := range c.Needs {
				if (cluster[n.Name] || inside[n.Name]) && !inside[c.Name] {
					inside[c.Name], grown = true, true
				}
			}
		}
	}
	return inside
}

// forget removes what the state directory holds of a platform that is gone, and
// the directory itself unless reports or diagnostics are left in it.
func forget(dir string) error {
	for _, name := range []string{recordFile, secrets.File, "kubeconfig"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear the state directory: %w", err)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "charts")); err != nil { // that the helm driver fetched
		return fmt.Errorf("clear the state directory: %w", err)
	}
	_ = os.Remove(dir) // not empty is fine
	return nil
}
