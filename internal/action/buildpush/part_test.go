package buildpush

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry"
)

// based are options of a build on an image, and what closes when its digest is asked for.
func based(t *testing.T, w *world, answer func(context.Context) (string, error)) (Options, <-chan struct{}) {
	t.Helper()
	o, asked := options(t, w), make(chan struct{})
	do(t, os.WriteFile(filepath.Join(o.Context, "Dockerfile"), []byte("FROM a\n"), 0o600))
	o.Base = func(ctx context.Context, _ string) (string, error) {
		close(asked)
		return answer(ctx)
	}
	return o, asked
}

// The content is looked for while the registry thinks about the permission, and nothing
// is put into the registry before it has said yes.
func TestRun_LooksWhileItAsks(t *testing.T) {
	w := newWorld(t)
	o, asked := based(t, w, func(context.Context) (string, error) { return "sha256:x", nil })
	first := o
	first.Base = func(context.Context, string) (string, error) { return "sha256:x", nil }
	key := keyed(t, w, first).Content
	r := &fakeRegistry{
		push: exit.BadInputf("no right to push"), meanwhile: func() { <-asked },
		have: map[string]registry.Manifest{key.Tag(): {Digest: stored, Labels: map[string]string{contentLabel: key.Value}, Platforms: []string{"linux/amd64"}}},
	}
	o.Registry = r
	res, err := Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || len(r.tagged) != 0 || len(w.builds()) != 1 || res.Ref() != "" {
		t.Errorf("%v, tagged %q, built %q, %q", err, r.tagged, w.builds(), res.Ref())
	}
}

// A registry of base images that does not answer holds up no denial.
func TestRun_ADenialEndsTheLook(t *testing.T) {
	w := newWorld(t)
	o, asked := based(t, w, func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", context.Cause(ctx)
	})
	o.Registry = &fakeRegistry{push: exit.BadInputf("no right to push"), meanwhile: func() { <-asked }}
	res, err := Run(t.Context(), o)
	if exit.Code(err) != exit.BadInput || err.Error() != "no right to push" {
		t.Errorf("%v", err)
	}
	for _, s := range res.steps {
		if s.name == "look for the content" {
			t.Errorf("what was given up is told of: %+v", s)
		}
	}
}

func TestJob_RunFollowsTheOrder(t *testing.T) {
	no := errors.New("no")
	yes := func() bool { return true }
	for name, c := range map[string]struct {
		fails, skips string
		want         []string // the steps, in their order, each with what it waited for
		fault        error
	}{
		"all":                           {want: []string{"a []", "b []", "c [a b]", "d [c]", "e [c]", "f [d e]"}},
		"nothing to do in the middle":   {skips: "c", want: []string{"a []", "b []", "d [a b]", "e [a b]", "f [d e]"}},
		"nothing to do at the start":    {skips: "a", want: []string{"b []", "c [b]", "d [c]", "e [c]", "f [d e]"}},
		"a fault ends what is after it": {fails: "c", want: []string{"a []", "b []", "c [a b]"}, fault: no},
		"and nothing else":              {fails: "d", want: []string{"a []", "b []", "c [a b]", "d [c]", "e [c]"}, fault: no},
	} {
		j, err := newJob(options(t, newWorld(t)))
		do(t, err)
		var parts []part
		for _, p := range []part{{name: "a"}, {name: "b"}, {name: "c", after: []string{"a", "b"}}, {name: "d", after: []string{"c"}}, {name: "e", after: []string{"c"}}, {name: "f", after: []string{"d", "e"}}} {
			p.when = yes
			if p.name == c.skips {
				p.when = func() bool { return false }
			}
			p.do = func(context.Context) (string, error) { return "", nil }
			if p.name == c.fails {
				p.do = func(context.Context) (string, error) { return "", no }
			}
			parts = append(parts, p)
		}
		err = j.run(t.Context(), parts)
		var got []string
		for _, s := range j.res.steps {
			got = append(got, fmt.Sprint(s.name, " ", s.after))
		}
		if !errors.Is(err, c.fault) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}
