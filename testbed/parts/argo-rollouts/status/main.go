// Command status is `kubectl argo rollouts status` and nothing else of that
// plugin, whose dashboard is not in the module: what canary-gate is measured against.
package main

import (
	"os"

	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/cmd/status"
	"github.com/argoproj/argo-rollouts/pkg/kubectl-argo-rollouts/options"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

func main() {
	o := options.NewArgoRolloutsOptions(genericclioptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr})
	cmd := status.NewCmdStatus(o)
	o.AddKubectlFlags(cmd)
	if cmd.Execute() != nil {
		os.Exit(1)
	}
}
