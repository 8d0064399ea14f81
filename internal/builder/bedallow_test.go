package builder

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

const onHost = "FROM " + shell + "\nRUN --network=host cat /proc/net/dev\n"

// What a build may do beyond its walls is granted twice: by the build, and by whoever
// makes the builder. With input allow, that is us.
func TestBed_Entitlements(t *testing.T) {
	ownTemp(t)
	bed := buildkit.New(t)
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": onHost})
	b.o.Push, b.o.Outputs = false, []string{"type=local,dest=" + t.TempDir()}
	b.o.Refs, b.o.Allow = []string{bed.Registry + "/test/builder:allow"}, []string{"network.host"}
	if img := b.build(t); !strings.HasPrefix(img.Made, "entitlements") || !strings.Contains(b.log.String(), "lo:") {
		t.Errorf("%+v\n%s", img, b.log.String())
	}
	if left := remains(t, bed, ""); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	bed.Start(t) // which grants nothing
	for _, allow := range [][]string{nil, {"network.host"}} {
		b.o.Allow = allow
		if img, err := Build(t.Context(), run.Exec{}, b.tool, b.o); err == nil || !strings.Contains(err.Error(), "network.host") || img.Made != "" {
			t.Errorf("allow %q: %+v, %v", allow, img, err)
		}
	}
}

// The two others need a Dockerfile of another syntax (RUN --security) and a device to be
// used; whether a builder grants them is seen without.
func TestBed_EntitlementsThatAreOnlyAskedFor(t *testing.T) {
	ownTemp(t)
	bed := buildkit.New(t)
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
	b.o.Push, b.o.Outputs = false, []string{"type=local,dest=" + t.TempDir()}
	b.o.Refs, b.o.Allow = []string{bed.Registry + "/test/builder:allow"}, []string{"security.insecure", "device"}
	if img := b.build(t); !strings.HasPrefix(img.Made, "entitlements") {
		t.Errorf("%+v", img)
	}
	bed.Start(t)                              // which grants nothing
	b.o.Allow = []string{"security.insecure"} // devices are judged one by one, where a step wants them
	if _, err := Build(t.Context(), run.Exec{}, b.tool, b.o); err == nil || !strings.Contains(err.Error(), "security.insecure") {
		t.Errorf("%v", err)
	}
}
