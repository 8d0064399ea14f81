package helm

import (
	"context"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/release"

	"github.com/buenhyden/hy-home/internal/apply"
	hyengine "github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
)

func nothingAbsent(context.Context, *release.Release, hyengine.Env) ([]apply.Ref, error) {
	return nil, nil
}

func goal(t *testing.T, values string) target {
	t.Helper()
	c := component(values)
	ch, v, hash, err := load(t.Context(), c, hyengine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return target{c.Name, c.Namespace, ch, v, hash, nothingAbsent, pins{}}
}

func TestConverge(t *testing.T) {
	cfg, env, ctx := memory(), testEnv(t), context.Background()
	last := func() *release.Release {
		t.Helper()
		r, err := cfg.Releases.Last("web")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var gone []apply.Ref
	steps := []struct {
		name     string
		before   func()
		values   string
		want     hyengine.Outcome
		revision int
	}{
		{"installs", nil, "text: a", hyengine.Created, 1},
		{"leaves it alone", nil, "text: a", hyengine.Unchanged, 1},
		{"upgrades", nil, "text: b", hyengine.Configured, 2},
		{"takes over one left pending", func() {
			r := last()
			r.SetStatus(release.StatusPendingUpgrade, "")
			if err := cfg.Releases.Update(r); err != nil {
				t.Fatal(err)
			}
		}, "text: b", hyengine.Configured, 3},
		{"goes on after a failure", func() {
			r := last()
			r.SetStatus(release.StatusFailed, "")
			if err := cfg.Releases.Update(r); err != nil {
				t.Fatal(err)
			}
		}, "text: b", hyengine.Configured, 4},
		{"brings back what was deleted", func() { gone = []apply.Ref{{Name: "web"}} }, "text: b", hyengine.Configured, 5},
	}
	for _, s := range steps {
		if s.before != nil {
			s.before()
		}
		g := goal(t, s.values)
		g.absent = func(context.Context, *release.Release, hyengine.Env) ([]apply.Ref, error) { return gone, nil }
		got, err := Driver{}.converge(ctx, cfg, g, env)
		if err != nil || got != s.want {
			t.Fatalf("%s: got %s, %v; want %s", s.name, got, err, s.want)
		}
		if r := last(); r.Version != s.revision || r.Info.Status != release.StatusDeployed {
			t.Errorf("%s: revision %d is %s, want %d deployed", s.name, r.Version, r.Info.Status, s.revision)
		}
	}
	if history, err := cfg.Releases.History("web"); err != nil || len(history) > maxHistory {
		t.Errorf("%d revisions are kept, %v", len(history), err)
	}
	for _, want := range []bool{true, false} {
		if removed, err := uninstall(cfg, "web"); err != nil || removed != want {
			t.Errorf("uninstall: %v, %v; want %v", removed, err, want)
		}
	}
}

// Two platforms want the same release: it goes with the second, and neither may
// change it under the other.
func TestConverge_AReleaseGoesWithItsLastHolder(t *testing.T) {
	cfg, one, ctx := memory(), testEnv(t), context.Background()
	two := one
	two.Name = "second"
	for _, step := range []struct {
		env    hyengine.Env
		values string
		want   hyengine.Outcome
	}{
		{one, "text: a", hyengine.Created},
		{two, "text: a", hyengine.Configured},
		{one, "text: a", hyengine.Unchanged},
		{two, "text: a", hyengine.Unchanged},
	} {
		if got, err := (Driver{}).converge(ctx, cfg, goal(t, step.values), step.env); err != nil || got != step.want {
			t.Errorf("%s: got %s, %v; want %s", step.env.Name, got, err, step.want)
		}
	}
	_, err := Driver{}.converge(ctx, cfg, goal(t, "text: b"), one)
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "belongs to platform second as well") {
		t.Errorf("got %v", err)
	}
	for _, want := range []hyengine.Outcome{hyengine.Configured, hyengine.Unchanged} { // let go, and asked again
		if got, stays, err := letGo(cfg, "web", one); err != nil || got != want || !stays {
			t.Errorf("first: %s, stays %v, %v", got, stays, err)
		}
	}
	if _, stays, err := letGo(cfg, "web", two); err != nil || stays {
		t.Errorf("the last holder: stays %v, %v", stays, err)
	}
	if removed, err := uninstall(cfg, "web"); err != nil || !removed {
		t.Errorf("uninstall: %v, %v", removed, err)
	}
}

func TestConverge_FirstInstallLeftPending(t *testing.T) {
	cfg, env, ctx := memory(), testEnv(t), context.Background()
	g := goal(t, "")
	if _, err := (Driver{}).converge(ctx, cfg, g, env); err != nil {
		t.Fatal(err)
	}
	r, _ := cfg.Releases.Last("web")
	r.SetStatus(release.StatusPendingInstall, "")
	if err := cfg.Releases.Update(r); err != nil {
		t.Fatal(err)
	}
	if got, err := (Driver{}).converge(ctx, cfg, g, env); err != nil || got != hyengine.Configured {
		t.Errorf("got %s, %v", got, err)
	}
}
