package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/buenhyden/hy-home/testbed/internal/services"
)

// bystander is what each of somebody else's things on the machine is called.
const bystander = "hy-e2e-other"

// bystanders are somebody else's network, container, volume, kind cluster (as far
// as Docker knows one) and kubeconfig. No part of the test may do them any harm,
// whatever breaks and however it is taken down.
type bystanders struct {
	kubeconfig string
	before     string
}

// arrive makes them. KUBECONFIG is theirs from then on: who writes to the wrong
// kubeconfig writes to that one.
func (b *bystanders) arrive(t *testing.T, p *platform) {
	t.Helper()
	leave := func() {
		for _, args := range [][]string{{"rm", "--force", bystander, bystander + "-control-plane"}, {"volume", "rm", bystander}, {"network", "rm", bystander}} {
			_ = exec.CommandContext(context.WithoutCancel(t.Context()), "docker", args...).Run() // may not be there
		}
	}
	leave() // those of a run that was killed
	t.Cleanup(leave)
	p.command(t, "docker", "network", "create", "--subnet", "192.168.211.0/24", bystander)
	run := func(args ...string) {
		t.Helper()
		p.command(t, "docker", append(append([]string{"run", "--detach", "--network", bystander}, args...), services.Redis)...)
	}
	run("--name", bystander, "--volume", bystander+":/data", "--label", "com.docker.compose.project="+bystander)
	run("--name", bystander+"-control-plane", "--label", "io.x-k8s.kind.cluster="+bystander, "--label", "io.x-k8s.kind.role=control-plane")
	b.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: theirs\n" +
		"clusters: [{name: theirs, cluster: {server: 'https://192.0.2.1:6443'}}]\nusers: [{name: theirs, user: {}}]\ncontexts: [{name: theirs, context: {cluster: theirs, user: theirs}}]\n"
	if err := os.WriteFile(b.kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", b.kubeconfig)
	b.before = b.look(t, p)
}

// look is all that can be seen of them: made anew or started anew, they are others.
func (b *bystanders) look(t *testing.T, p *platform) string {
	t.Helper()
	kubeconfig, err := os.ReadFile(b.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	var home []byte
	if dir, err := os.UserHomeDir(); err == nil {
		home, _ = os.ReadFile(filepath.Join(dir, ".kube", "config")) // none is as good
	}
	return string(bytes.Join([][]byte{kubeconfig, home}, nil)) +
		p.command(t, "docker", "inspect", "--format", "{{.Name}} {{.Id}} {{.State.Running}} {{.State.StartedAt}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", bystander, bystander+"-control-plane") +
		p.command(t, "docker", "network", "inspect", "--format", "{{.Name}} {{.Id}} {{.IPAM.Config}}", bystander) +
		p.command(t, "docker", "volume", "inspect", "--format", "{{.Name}} {{.CreatedAt}}", bystander)
}

// unharmed is asked after each part.
func (b *bystanders) unharmed(t *testing.T, p *platform) {
	t.Helper()
	if after := b.look(t, p); after != b.before {
		t.Errorf("bystanders were\n%s\nand are\n%s", b.before, after)
	}
}

// strangersCluster has the very name that the platform is given. It is told so
// before anything is made, and a removal leaves it alone.
func (p *platform) strangersCluster(t *testing.T) {
	const name = "hyt-theirs"
	const node = name + "-control-plane"
	_ = exec.CommandContext(t.Context(), "docker", "rm", "--force", node).Run() // of a run that was killed
	p.command(t, "docker", "run", "--detach", "--name", node, "--label", "io.x-k8s.kind.cluster="+name, "--label", "io.x-k8s.kind.role=control-plane", services.Redis)
	defer p.command(t, "docker", "rm", "--force", node)
	if dir := p.start(t, nil, "--name", name).fails(t, 2, "there is a kind cluster "+name+" (node "+node+") that this platform did not make"); dir != "" {
		t.Errorf("nothing was touched, and there are diagnostics in %s", dir)
	}
	p.hyaction(t, "platform", "down", "--name", name)
	if p.command(t, "docker", "ps", "--quiet", "--filter", "name=^"+node+"$") == "" {
		t.Error("the node of somebody else's cluster is gone")
	}
}
