package setupplatform

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/lock"
	"github.com/buenhyden/hy-home/internal/plan"
)

func TestRun_RefusesBeforeAnythingIsMade(t *testing.T) {
	taken := exit.BadInputf("subnet 172.29.0.0/16 of network infra_net is taken")
	for _, tt := range []struct {
		name   string
		change func(*world, *Options)
		want   string
	}{
		{"profile", func(_ *world, o *Options) { o.Profile = "huge" }, `profile "huge" does not exist; there are: all, data`},
		{"name", func(_ *world, o *Options) { o.Name = "Hy Home" }, `name "Hy Home" must be 2 to 40 lower case letters`},
		{"mirror", func(_ *world, o *Options) { o.RegistryMirror = "registry:5000" }, `registry-mirror "registry:5000" is not a URL`},
		{"node image", func(_ *world, o *Options) { o.NodeImage = "kindest/node" }, `node-image "kindest/node" is no image with a tag`},
		{"preflight", func(w *world, _ *Options) { w.refuse = taken }, taken.Error()},
		{"driver", func(_ *world, o *Options) { delete(o.Drivers, "helm") }, `component app wants driver "helm"`},
		{"memory", func(_ *world, o *Options) {
			o.Machine = func(context.Context) (plan.Machine, error) { return plan.Machine{Memory: 1}, nil }
			for i := range o.Catalog.Components {
				o.Catalog.Components[i].Budget.Memory = 1 << 30
			}
		}, "profile all needs 4Gi of memory"},
		{"state directory", func(_ *world, o *Options) { o.StateDir = "here" }, `state directory "." is not an absolute path`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, o := setup(t)
			tt.change(w, &o)
			_, err := Run(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if exit.Code(err) != exit.BadInput {
				t.Errorf("exit code %d, want %d", exit.Code(err), exit.BadInput)
			}
			if len(w.calls) > 0 {
				t.Errorf("something was made: %v", w.calls)
			}
			if _, err := os.Stat(o.StateDir); !os.IsNotExist(err) {
				t.Error("a state directory was made")
			}
		})
	}
}

func TestRun_RefusesAChartThatIsNotTheLockedOne(t *testing.T) {
	w, o := setup(t)
	o.Catalog.Components[0].Files = fstest.MapFS{"chart/Chart.yaml": {Data: []byte("name: app\nversion: 1.0.0\n")}}
	chart, _, err := lock.ChartOf(o.Catalog.Components[0])
	if err != nil {
		t.Fatal(err)
	}
	other := "sha256:" + strings.Repeat("0", 64)
	o.Lock = lock.Lock{Charts: []lock.Chart{{Component: "app", Name: "app", Version: "1.0.0", Digest: other}}}
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), chart.Digest) {
		t.Errorf("got %v, want both digests", err)
	}
	if len(w.calls) > 0 {
		t.Errorf("something was made: %v", w.calls)
	}
	o.Lock.Charts[0].Digest = chart.Digest
	if _, err := Run(t.Context(), o); err != nil {
		t.Error(err)
	}
}

func TestRun_OneAtATime(t *testing.T) {
	_, o := setup(t)
	unlock, err := claim(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "is at work on platform \"hy-test\": wait until it is done") || exit.Code(err) != exit.BadInput {
		t.Errorf("got %v", err)
	}
	unlock()
	if _, err := Run(t.Context(), o); err != nil {
		t.Errorf("after the first is done: %v", err)
	}
}

func TestLoad_DamagedRecord(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, recordFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(dir); exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}
