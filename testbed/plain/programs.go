package plain

import (
	"net"
	"os/exec"
	"path/filepath"
)

// command returns the program name with its arguments.
func (s *starter) command(name string) *exec.Cmd {
	in := func(file string) string { return filepath.Join(s.Dir, file) }
	var path string
	var args []string
	hyperkube := filepath.Join(s.o.BinDir, Hyperkube)
	switch name {
	case "etcd":
		path, args = hyperkube, []string{
			"--data-dir=" + in("etcd"),
			// Sockets in the bed's directory, which is the user's alone: a port
			// would let every user of the machine pass by the API server.
			"--listen-client-urls=" + etcdSocket, "--advertise-client-urls=" + etcdSocket,
			"--listen-peer-urls=" + peerSocket, "--initial-advertise-peer-urls=" + peerSocket,
			"--initial-cluster=default=" + peerSocket,
			"--unsafe-no-fsync", // a bed does not survive its machine anyway
			"--log-level=warn",
		}
	case "kube-apiserver":
		_, port, _ := net.SplitHostPort(s.api)
		path, args = hyperkube, []string{
			"--etcd-servers=" + etcdSocket,
			"--bind-address=127.0.0.1", "--secure-port=" + port,
			"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none", // loopback may not be advertised, so nothing is
			"--tls-cert-file=" + in(certFile), "--tls-private-key-file=" + in(keyFile),
			"--token-auth-file=" + in(tokensFile), "--anonymous-auth=false",
			"--authorization-mode=RBAC", "--allow-privileged",
			"--service-account-issuer=" + serviceAccountIssuer,
			"--service-account-key-file=" + in(serviceAccountFile), "--service-account-signing-key-file=" + in(serviceAccountFile),
			"--service-cluster-ip-range=10.96.0.0/16",
		}
	case "kube-controller-manager":
		path, args = hyperkube, []string{
			"--kubeconfig=" + s.Kubeconfig, "--leader-elect=false", "--secure-port=0",
			"--service-account-private-key-file=" + in(serviceAccountFile), "--root-ca-file=" + in(certFile),
			"--kube-api-qps=500", "--kube-api-burst=1000",
			// On a busy machine kwok renews a lease later than the default 50 s; the
			// node would be NotReady, and its pods unavailable, for no reason of theirs.
			"--node-monitor-grace-period=24h",
		}
	case "kube-scheduler":
		path, args = hyperkube, []string{"--kubeconfig=" + s.Kubeconfig, "--leader-elect=false", "--secure-port=0"}
	case "kwok":
		path, args = filepath.Join(s.o.BinDir, Kwok), []string{
			"--kubeconfig=" + s.Kubeconfig, "--config=" + in("stages.yaml"), "--manage-all-nodes",
			"--node-port=0", // no kubelet API: there are no logs to read
		}
	case "rollouts-controller":
		_, metrics, _ := net.SplitHostPort(s.metrics)
		_, health, _ := net.SplitHostPort(s.health)
		path, args = filepath.Join(s.o.BinDir, Rollouts), []string{
			"--kubeconfig=" + s.Kubeconfig, "--leader-elect=false",
			"--metricsPort=" + metrics, "--healthzPort=" + health,
			"--qps=500", "--burst=1000",
		}
	case "prometheus":
		path, args = s.o.Prometheus, []string{
			"--config.file=" + in(promConfigFile), "--storage.tsdb.path=" + in("prometheus"),
			"--web.listen-address=" + s.prom,
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Args[0] = name // by which hyperkube knows what to be
	cmd.Dir = s.Dir
	// GOGC: starting makes much garbage. Measured for one bed: 9.4 s of CPU time
	// and 1.0 GB with the default of 100, 7.3 s and 1.2 GB with 200, 1.4 GB and
	// hardly less time with 400.
	cmd.Env = []string{"HOME=" + s.Dir, "PATH=/usr/bin:/bin", "GOGC=200"}
	return cmd
}

// run starts programs by name and keeps the record.
func (s *starter) run(names ...string) error {
	for _, name := range names {
		log := filepath.Join(s.Dir, name+".log")
		if err := s.procs.start(name, s.command(name), log, s.o.Tied); err != nil {
			return err
		}
		if err := s.procs.save(s.Dir, s.APIServer, s.Prometheus); err != nil {
			return err
		}
	}
	return nil
}
