package setupplatform

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/credential"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/plan"
	"github.com/buenhyden/hy-home/internal/pull"
	"github.com/buenhyden/hy-home/internal/sealed"
	"github.com/buenhyden/hy-home/internal/secrets"
)

// credentials finds or makes what the plan's components log in with, and hides it,
// also in the texts that are made from it.
func (r *run) credentials(ctx context.Context) (err error) {
	o := r.o
	if !secrets.Has(o.StateDir) {
		found, err := r.recall(ctx)
		if err != nil {
			return err
		}
		if err := secrets.Restore(o.StateDir, found, o.Mask); err != nil {
			return err
		}
	}
	r.env.Secrets, r.env.Generated, err = secrets.Load(o.StateDir, r.plan.Secrets(), o.Given, o.Mask)
	if err != nil {
		return err
	}
	for _, c := range r.plan.Components {
		texts := credential.Texts(c, r.env.Secrets)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			o.Mask(texts[name])
		}
	}
	if o.DockerPassword != "" {
		r.env.Secrets[pull.PasswordSecret] = o.DockerPassword
	}
	return nil
}

// recall asks a cluster that is there already what the platform has generated
// before: the data services know those credentials and no others. A cluster that
// is there and does not answer ends the run, as what it knows must not be guessed.
func (r *run) recall(ctx context.Context) (map[string]string, error) {
	for _, c := range r.plan.Components {
		if d, ok := r.o.Drivers[c.Driver].(engine.Recaller); ok {
			found, err := d.Recall(ctx, c, r.env)
			if err != nil {
				return nil, fmt.Errorf("%w: there is no %s here, and the credentials that the data services know may be in that cluster: bring it back, or run `hyaction platform down` first", err, secrets.File)
			}
			return found, nil
		}
	}
	return nil, nil
}

// hidden is all that diagnostics must not show, by a name for each.
func (r *run) hidden() map[string]string {
	all := maps.Clone(r.env.Generated)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, r.env.Secrets)
	for _, c := range r.plan.Components {
		maps.Copy(all, credential.Texts(c, r.env.Secrets))
	}
	return all
}

// withSealedKeys gives the controller of Sealed Secrets the keys that somebody
// kept: as Secrets that are there before it starts, as it reads them only then.
func withSealedKeys(p plan.Plan, o Options) (Options, error) {
	if len(o.SealedKeys) == 0 {
		return o, nil
	}
	at := slices.IndexFunc(p.Components, func(c catalog.Component) bool { return c.Name == sealed.Component })
	if at < 0 {
		return o, exit.BadInputf("sealed-secrets-key-file is given, but profile %s has no component %s that could use it: choose a profile that has, such as gitops", p.Profile, sealed.Component)
	}
	c := &p.Components[at]
	c.Secrets, c.KubernetesSecrets = slices.Clone(c.Secrets), slices.Clone(c.KubernetesSecrets)
	o.Given = maps.Clone(o.Given)
	if o.Given == nil {
		o.Given = map[string]string{}
	}
	for _, key := range o.SealedKeys {
		name := key.Name()
		o.Given[name] = key.PrivateKey // so it is hidden, and never stored
		c.Secrets = append(c.Secrets, name)
		c.KubernetesSecrets = append(c.KubernetesSecrets, catalog.KubernetesSecret{
			Name: name, Type: "kubernetes.io/tls", Labels: map[string]string{sealed.Label: sealed.Active},
			Data: map[string]string{"tls.crt": key.Certificate, "tls.key": "${" + name + "}"},
		})
	}
	return o, nil
}

// checkSecrets looks once more at the Secrets that components ask for, those of
// the user's own files among them.
func checkSecrets(cs []catalog.Component) error {
	makes := map[string]string{}
	for _, c := range cs {
		var fault error
		catalog.CheckSecrets(c, func(format string, args ...any) {
			if fault == nil {
				fault = exit.BadInputf("component %s: %s", c.Name, fmt.Sprintf(format, args...))
			}
		})
		if fault != nil {
			return fault
		}
		for _, s := range c.KubernetesSecrets {
			id := s.In(c) + "/" + s.Name
			if other, taken := makes[id]; taken {
				return exit.BadInputf("components %s and %s both make the Kubernetes Secret %s: take it out of one of them", other, c.Name, id)
			}
			makes[id] = c.Name
		}
	}
	return nil
}
