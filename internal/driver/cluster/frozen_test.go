package cluster

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/buenhyden/hy-home/internal/docker"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/testkit"
)

func TestThaw_OnlyWhatIsOfTheNodes(t *testing.T) {
	const ours, other = "0123abcd", "4567ef01"
	root := t.TempDir()
	states := map[string]string{
		"docker/" + ours + "/freezer.state":                                          "THAWED\n",
		"docker/" + ours + "/kubelet.slice/pod/cri-containerd-1.scope/memory.stat":   "1\n", // no state of its own
		"docker/" + ours + "/kubelet.slice/pod/cri-containerd-2.scope/freezer.state": "FROZEN\n",
		"system.slice/docker-" + ours + ".scope/pod/freezer.state":                   "FREEZING\n",
		"docker/" + other + "/pod/freezer.state":                                     "FROZEN\n",
		"freezer.state":                                                              "FROZEN\n",
	}
	testkit.Write(t, root, states)
	if thawed, err := thaw(root, []string{"", ours}); err != nil || thawed != 2 {
		t.Errorf("thawed %d (%v), want 2", thawed, err)
	}
	for file, before := range states {
		want := before
		if strings.Contains(file, ours) && (before == "FROZEN\n" || before == "FREEZING\n") {
			want = "THAWED"
		}
		if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(got) != want {
			t.Errorf("%s is %q (%v), want %q", file, got, err, want)
		}
	}
	if thawed, err := thaw(filepath.Join(root, "absent"), []string{ours}); err != nil || thawed != 0 {
		t.Errorf("without version 1: %d, %v", thawed, err)
	}
}

// A container with a frozen process takes the place of a node that was killed while
// its runc had one frozen: docker cannot end it until it is thawed.
func TestDelete_ThawsWhatCannotDie(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: docker waits 10 s for a container that does not end")
	}
	const image = "docker.io/library/redis:7.0.15" // any that is there and has a shell
	e := &docker.Engine{Getenv: os.Getenv}
	t.Cleanup(func() { _ = e.Close() })
	api, err := e.Client(t.Context())
	if err != nil {
		testkit.Missing(t, "no engine: %v", err)
	}
	if _, err := api.ImageInspect(t.Context(), image); err != nil {
		testkit.Missing(t, "image %s is not in the engine", image)
	}
	var told []string
	k := newKind(engine.Env{
		Name: fmt.Sprintf("hytf-%d", os.Getpid()), Kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), StateDir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler), Progress: func(s string) { told = append(told, s) },
	})
	node, err := api.ContainerCreate(t.Context(), &container.Config{
		Image: image, Entrypoint: []string{"sh", "-c", "sleep 600 & sleep 600"}, Labels: map[string]string{"io.x-k8s.kind.cluster": k.name},
	}, nil, nil, nil, k.name+"-control-plane")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // if the test failed
		_, _ = thaw(freezer, []string{node.ID})
		_ = k.provider.Delete(k.name, k.kubeconfig)
	})
	if err := api.ContainerStart(t.Context(), node.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	running, err := api.ContainerInspect(t.Context(), node.ID)
	if err != nil {
		t.Fatal(err)
	}
	freezeChild(t, running.State.Pid)
	have, err := k.nodes()
	if err != nil || len(have) != 1 {
		t.Fatalf("nodes: %v, %v", have, err)
	}
	err = k.delete(t.Context(), api, have)
	if !engine.IsTransient(err) || len(told) != 1 || told[0] != "thawed 1 cgroups that were frozen in the nodes" {
		t.Fatalf("deleting a frozen node: %v, told %q", err, told)
	}
	t.Log(err)
	for range 60 { // as the engine tries again
		if err = k.delete(t.Context(), api, have); err == nil {
			break
		}
		time.Sleep(time.Second) // its processes end meanwhile
	}
	if have, listErr := k.nodes(); err != nil || listErr != nil || len(have) > 0 {
		t.Errorf("after it was thawed: %v, %v, %v", have, err, listErr)
	}
}

// freezeChild freezes a child of the process in a cgroup below the process's own.
func freezeChild(t *testing.T, pid int) {
	t.Helper()
	cgroups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, own, v1 := strings.Cut(string(cgroups), ":freezer:")
	if !v1 || os.Getuid() != 0 {
		t.Skip("only root can freeze a process, and only with version 1 of cgroups can it not be killed then")
	}
	own, _, _ = strings.Cut(own, "\n")
	var child string
	for child == "" && t.Context().Err() == nil { // the shell starts it
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			t.Fatal(err)
		}
		child, _, _ = strings.Cut(string(children), " ")
	}
	cgroup := filepath.Join(freezer, own, "frozen")
	if err := os.Mkdir(cgroup, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"cgroup.procs": child, "freezer.state": "FROZEN"} {
		if err := os.WriteFile(filepath.Join(cgroup, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
