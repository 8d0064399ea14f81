package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	controllers "github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/healthz"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	logsapi "k8s.io/component-base/logs/api/v1"

	// Each registers its controllers, or its kind of issuer.
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

// healthAddress is where the chart's liveness probe asks.
const healthAddress = ":9403"

// The times are upstream's defaults.
const (
	leaseDuration, renewDeadline, retryPeriod = 60 * time.Second, 40 * time.Second, 15 * time.Second
	minimumBackoff, maximumBackoff            = time.Hour, 32 * time.Hour
	healthzTimeout                            = 20 * time.Second
	workers                                   = 5
)

// controller runs all registered controllers while it is the leader.
func controller(ctx context.Context, args []string) error {
	var logging = logsapi.NewLoggingConfiguration()
	var resources, leases string
	flags := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	logf.AddFlags(logging, flags)
	flags.StringVar(&resources, "cluster-resource-namespace", "kube-system", "where the Secrets of ClusterIssuers are")
	flags.StringVar(&leases, "leader-election-namespace", "kube-system", "where the lease of the leader is")
	// The chart gives these three, of which nothing here makes use.
	flags.String("acme-http01-solver-image", "", "no ACME here")
	flags.Int("max-concurrent-challenges", 0, "no ACME here")
	flags.String("metrics-listen-address", "0", "no metrics here")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := logf.ValidateAndApply(logging); err != nil {
		return err
	}
	factory, err := controllers.NewContextFactory(ctx, controllers.ContextOptions{
		KubernetesAPIQPS: 20, KubernetesAPIBurst: 50,
		IssuerOptions: controllers.IssuerOptions{ClusterResourceNamespace: resources},
		CertificateOptions: controllers.CertificateOptions{
			CopiedAnnotationPrefixes:                 []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"},
			CertificateRequestMinimumBackoffDuration: minimumBackoff,
			CertificateRequestMaximumBackoffDuration: maximumBackoff,
		},
	})
	if err != nil {
		return err
	}
	base, err := factory.Build("leader-election")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", healthAddress)
	if err != nil {
		return err
	}
	health := healthz.NewServer(healthzTimeout)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return health.Start(ctx, listener) })
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, leases, "cert-manager-controller",
		base.Client.CoreV1(), base.Client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: host, EventRecorder: base.Recorder})
	if err != nil {
		return err
	}
	lost := fmt.Errorf("the lease of the leader was lost")
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		ReleaseOnCancel: true, WatchDog: health.LeaderHealthzAdaptor,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { g.Go(func() error { return lead(ctx, factory) }) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	g.Go(func() error {
		elector.Run(ctx)
		if ctx.Err() == nil {
			return lost
		}
		return nil
	})
	return g.Wait()
}

func lead(ctx context.Context, factory *controllers.ContextFactory) error {
	g, ctx := errgroup.WithContext(ctx)
	for name, make := range controllers.Known() {
		c, err := make(factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		g.Go(func() error { return c.Run(workers, ctx) })
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return g.Wait()
}
