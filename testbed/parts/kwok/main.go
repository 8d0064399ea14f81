// Command kwok is kwok's own program: it plays the kubelets of nodes that do
// not exist. This main stands in for upstream's, which needs a pflag newer than
// the one of Kubernetes 1.34: with Kubernetes's own versions (see the replaces
// in go.mod) nearly all of kwok's packages are those that the part kubernetes
// has compiled already.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/kwok/cmd"
	"sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/lifecycle"
	"sigs.k8s.io/kwok/pkg/utils/signals"
)

func main() {
	// A first pass over the arguments reads --config and --v alone; the command
	// then parses all of them.
	global := pflag.NewFlagSet("global", pflag.ContinueOnError)
	global.ParseErrorsWhitelist.UnknownFlags = true
	global.Usage = func() {}
	ctx, logger := log.InitFlags(signals.SetupSignalContext(), global)
	ctx, err := config.InitFlags(ctx, global)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kwok:", err)
		os.Exit(1)
	}
	if err := fillTypes(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "kwok:", err)
		os.Exit(1)
	}
	command := cmd.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(global)
	if err := command.ExecuteContext(ctx); err != nil {
		logger.Error("kwok", "err", err)
		os.Exit(1)
	}
}

// fillTypes has the types of nodes and pods looked at one after the other. kwok makes
// each stage's CEL environment at its first match, those of nodes and of pods at the same
// time when it starts beside both, and easycel 0.6.0 keeps what it finds out about
// types in maps without a lock (typeValueMap and others): the process dies of
// "concurrent map writes". Once a type is there, it is only read.
func fillTypes(ctx context.Context) error {
	for _, object := range []any{&corev1.Node{}, &corev1.Pod{}} {
		all, err := lifecycle.NewLifecycle([]*internalversion.Stage{{Spec: internalversion.StageSpec{Selector: &internalversion.StageSelector{}}}})
		if err != nil {
			return err
		}
		if _, err := all.Match(ctx, &lifecycle.Event{Data: object}); err != nil {
			return fmt.Errorf("types of %T: %w", object, err)
		}
	}
	return nil
}
