package builder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/run"
	"github.com/buenhyden/hy-home/testbed/buildkit"
)

// How buildx goes on after nodePrefix and a builder's name: its only node, and the volume.
const nodeSuffix, volumeSuffix = "0", "_state"

// ownTemp gives the test a directory for temporary files that other packages' tests
// put nothing into. Its path is short, for sockets.
func ownTemp(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bed-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
}

// remains are what this bed's builds may leave on a machine beside their images, and
// processes that sleep as long as no other program does.
func remains(t *testing.T, bed *buildkit.Bed, sleep string) []string {
	t.Helper()
	calls := string(bed.Calls(t))
	out := strings.Fields(bed.Run(t, "ps", "--all", "--filter=name="+nodePrefix+containerPrefix, "--format={{.Names}}") +
		bed.Run(t, "volume", "ls", "--filter=name="+nodePrefix+containerPrefix, "--format={{.Name}}"))
	out = slices.DeleteFunc(out, func(name string) bool {
		name = strings.TrimSuffix(strings.TrimPrefix(name, nodePrefix), volumeSuffix)
		return !strings.Contains(calls, strings.TrimSuffix(name, nodeSuffix))
	})
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	instances, err := filepath.Glob(filepath.Join(bed.ConfigDir, "buildx", "instances", containerPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		if text, err := os.ReadFile(p); err == nil && string(text) == "sleep\x00"+sleep+"\x00" {
			out = append(out, "process "+p)
		}
	}
	return slices.Concat(out, dirs, instances)
}

func TestBed_AContainerIsMadeForWhatTheEngineLacks(t *testing.T) {
	ownTemp(t)
	bed := buildkit.New(t)
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": crossDockerfile})
	b.o.Platforms = []string{"linux/amd64", "linux/arm64"}
	img := b.build(t)
	if img.Made != "several platforms" || len(img.Warnings) > 0 {
		t.Errorf("made for %q, warnings %q", img.Made, img.Warnings)
	}
	manifest, err := b.pushed(t, img.Digest).IndexManifest()
	if err != nil || len(manifest.Manifests) != 2 {
		t.Errorf("%+v, %v, want two images and no attestation that nobody asked for", manifest, err)
	}
	if left := remains(t, bed, ""); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}

	// What the engine can do is done by the engine.
	b.o.Platforms = nil
	if img = b.build(t); img.Made != "" || img.Digest == "" || img.ID == "" {
		t.Errorf("%+v", img)
	}
}

// A run that is killed cleans nothing up; the next one that makes a builder does.
func TestBed_AKilledRunIsCleanedUpAfter(t *testing.T) {
	ownTemp(t)
	bed := buildkit.New(t)
	gone, runs := containerPrefix+"until-1700000000-abcdefgh", containerPrefix+until(t.Context(), time.Now())+"-abcdefgh"
	for _, name := range []string{gone, runs} {
		bed.Run(t, "buildx", "create", "--name="+name, "--driver=docker-container", "--bootstrap")
		t.Cleanup(func() {
			bed.Run(t, "rm", "--force", nodePrefix+name+nodeSuffix)
			bed.Run(t, "volume", "rm", "--force", nodePrefix+name+nodeSuffix+volumeSuffix)
		})
	}
	login := filepath.Join(os.TempDir(), dirPrefix+"until-1700000000-1")
	if err := os.MkdirAll(filepath.Join(login, "docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := newBedBuild(t, bed, map[string]string{"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
	b.o.Provenance = "true"
	if img := b.build(t); img.Made != "attestations" {
		t.Errorf("%+v", img)
	}
	left := strings.Join(remains(t, bed, ""), "\n")
	if strings.Contains(left, nodePrefix+gone) || strings.Contains(left, login) {
		t.Errorf("the killed run's are still there:\n%s", left)
	}
	if !strings.Contains(left, nodePrefix+runs) {
		t.Errorf("a builder that is still in use was removed; there are:\n%s", left)
	}
}

func TestBed_AnInterruptedBuildLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		name, sleep string
		prepare     func(*testing.T, *bedBuild)
	}{
		{"container", "6171", func(_ *testing.T, b *bedBuild) { b.o.Provenance = "true" }},
		{"engine's BuildKit", "6172", func(*testing.T, *bedBuild) {}},
		{"process", "6173", func(t *testing.T, b *bedBuild) { b.Start(t) }},
		{"engine without docker", "6174", func(_ *testing.T, b *bedBuild) { b.tool = Tool{Mode: Engine, api: engineAPI()} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ownTemp(t)
			b := newBedBuild(t, buildkit.New(t), map[string]string{"Dockerfile": "FROM " + shell + "\nRUN sleep " + c.sleep + "\n"})
			c.prepare(t, b)
			b.o.Login = Login{"registry.example", "me", "a-password"}
			before, err := os.ReadDir(b.ConfigDir)
			if err != nil {
				t.Fatal(err)
			}
			interrupted := errors.New("interrupted")
			ctx, interrupt := context.WithCancelCause(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := Build(ctx, run.Exec{}, b.tool, b.o)
				ended <- err
			}()
			for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) { // the RUN tells nobody that it runs
				if slices.ContainsFunc(remains(t, b.Bed, c.sleep), func(s string) bool { return strings.HasPrefix(s, "process ") }) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the RUN does not start")
				}
			}
			start := time.Now()
			interrupt(interrupted)
			if err := <-ended; !errors.Is(err, interrupted) {
				t.Errorf("%v", err)
			}
			t.Logf("ended after %s", time.Since(start))
			var left []string
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // BuildKit ends the RUN when it sees the client gone
				if left = remains(t, b.Bed, c.sleep); len(left) == 0 || time.Now().After(deadline) {
					break
				}
			}
			if len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if after, err := os.ReadDir(b.ConfigDir); err != nil || len(after) > len(before)+1 { // buildx keeps a directory of its own there
				t.Errorf("Docker's configuration has %v now, and had %v, %v", after, before, err)
			}
		})
	}
}
