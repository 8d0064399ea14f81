package helm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	storage "helm.sh/helm/v3/pkg/storage/driver"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/engine"
)

// holderLabel is on each release that the platform wants. Platforms that share a
// cluster share its releases, and a release goes with its last holder.
func holderLabel(env engine.Env) string { return apply.HolderDomain + "/" + env.Name }

// others are the other platforms that hold a release, sorted.
func others(r *release.Release, env engine.Env) []string {
	var names []string
	for key := range r.Labels {
		if name, ok := strings.CutPrefix(key, apply.HolderDomain+"/"); ok && key != holderLabel(env) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// hold notes that the platform wants a release that is as it should be.
func hold(cfg *action.Configuration, r *release.Release, env engine.Env) (engine.Outcome, error) {
	if r.Labels[holderLabel(env)] != "" {
		return engine.Unchanged, nil
	}
	r.Labels[holderLabel(env)] = r.Name
	if err := cfg.Releases.Update(r); err != nil {
		return "", fmt.Errorf("note the platform on the release: %w", err)
	}
	return engine.Configured, nil
}

// letGo takes the platform's note off a release and says whether the release
// stays: others hold it too, or it never was the platform's.
func letGo(cfg *action.Configuration, name string, env engine.Env) (outcome engine.Outcome, stays bool, err error) {
	last, err := cfg.Releases.Last(name)
	switch {
	case errors.Is(err, storage.ErrReleaseNotFound), utilnet.IsConnectionRefused(err):
		return engine.Unchanged, true, nil
	case err != nil:
		return "", true, fmt.Errorf("helm: look at release %s: %w", name, err)
	case last.Labels[holderLabel(env)] == "":
		return engine.Unchanged, true, nil
	case len(others(last, env)) == 0:
		return "", false, nil
	}
	delete(last.Labels, holderLabel(env))
	if err := cfg.Releases.Update(last); err != nil {
		return "", true, fmt.Errorf("helm: take the platform's note off release %s: %w", name, err)
	}
	return engine.Configured, true, nil
}
