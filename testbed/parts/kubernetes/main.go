// Command hyperkube is all of Kubernetes and etcd in one executable, which
// looks at the name it was called by: link or exec it as kube-apiserver,
// kube-controller-manager, kube-scheduler, kube-proxy, kubelet, kubeadm,
// kubectl or etcd, or call it as "hyperkube NAME ARGS".
//
// One file of 157 MB stands for eight of 560 MB together, since nearly all of
// their code is the same. It is linked once instead of eight times, lies on a
// node once, and in a node's image store once.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics every component's own main registers
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

const self = "hyperkube"

// cobras are the programs that are one cobra command; kubeadm and etcd parse
// os.Args by themselves.
var cobras = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-proxy":              proxy.NewProxyCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
}

func main() {
	name := filepath.Base(os.Args[0])
	if name == self && len(os.Args) > 1 {
		os.Args = os.Args[1:]
		name = filepath.Base(os.Args[0])
	}
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
		return
	case "kubeadm":
		if err := kubeadm.Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if command, ok := cobras[name]; ok {
		os.Exit(cli.Run(command()))
	}
	known := []string{"etcd", "kubeadm"}
	for n := range cobras {
		known = append(known, n)
	}
	slices.Sort(known)
	fmt.Fprintf(os.Stderr, "%s: %q is not one of the programs in here: %s\n", self, name, strings.Join(known, ", "))
	os.Exit(2)
}
