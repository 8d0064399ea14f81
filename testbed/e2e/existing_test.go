package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"

	"github.com/buenhyden/hy-home/testbed/internal/host"
	"github.com/buenhyden/hy-home/testbed/internal/node"
)

// stranger is a cluster that no driver of ours has made.
const stranger = "stranger"

// existing sets two platforms up in a cluster that was there before, takes them
// down again and finds the cluster as it was.
func (p *platform) existing(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	kind := cluster.NewProvider(cluster.ProviderWithDocker())
	deleteCluster(t, kind, stranger, kubeconfig) // of a run that was killed
	t.Cleanup(func() { deleteCluster(t, kind, stranger, kubeconfig) })
	if err := kind.Create(stranger, cluster.CreateWithNodeImage(node.Name), cluster.CreateWithKubeconfigPath(kubeconfig)); err != nil {
		t.Fatal(err)
	}
	// Its nodes pull from the bed's registry, as a cluster of the cloud pulls from the world.
	for _, registry := range []string{"docker.io", "quay.io"} {
		dir := "/etc/containerd/certs.d/" + registry
		p.command(t, "docker", "exec", stranger+"-control-plane", "sh", "-c",
			fmt.Sprintf("mkdir -p %s && printf '[host.\"%s\"]\\n' > %s/hosts.toml", dir, host.Mirror, dir))
	}
	p.kubectl(t, "create", "namespace", "apps")
	p.kubectl(t, "--namespace", "apps", "create", "configmap", "theirs")
	before := p.settled(t)

	setup := func(name, changed string) {
		t.Helper()
		out := p.hyaction(t, "setup-platform", "--name", name, "--profile", "cluster", "--cluster", "existing", "--cluster-kubeconfig", kubeconfig, "--lock-file", p.lock(t))
		if !strings.Contains(out, "\nchanged="+changed+"\n") {
			t.Errorf("platform %s: want changed=%s:\n%s", name, changed, out)
		}
	}
	setup("guest-one", "true")
	setup("guest-one", "false")
	setup("guest-two", "true")
	setup("guest-one", "false")
	p.hyaction(t, "platform", "status", "--name", "guest-one")
	p.hyaction(t, "platform", "down", "--name", "guest-one")
	setup("guest-two", "false") // nothing of it went with the other
	p.hyaction(t, "platform", "down", "--name", "guest-two")
	p.external(t, kubeconfig)
	if after := p.objects(t); after != before {
		t.Errorf("the cluster had\n%s\nand now has\n%s", before, after)
	}
}

// settled is what a young cluster has once its controllers have given every
// namespace what each one gets.
func (p *platform) settled(t *testing.T) string {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
		objects := p.objects(t)
		namespaces := strings.Count(objects, "\nNamespace ") + strings.Count(objects[:10], "Namespace")
		if strings.Count(objects, " kube-root-ca.crt ") == namespaces && regexp.MustCompile(`(?m)^ServiceAccount +apps +default `).MatchString(objects) {
			return objects
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster has %d namespaces and is not settled:\n%s", namespaces, objects)
		}
	}
}

func (p *platform) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return p.command(t, "docker", append([]string{"exec", stranger + "-control-plane", "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"}, args...)...)
}

// objects names all that a platform could leave behind or take away.
func (p *platform) objects(t *testing.T) string {
	t.Helper()
	const kinds = "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,deployments,daemonsets,services,configmaps,secrets,serviceaccounts,roles,rolebindings"
	return p.kubectl(t, "get", kinds, "--all-namespaces", "--no-headers", "--output", `custom-columns=K:.kind,NS:.metadata.namespace,N:.metadata.name,L:.metadata.labels`)
}
