package servers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis starts a Redis that wants [Password] and returns its port. With an identity
// it speaks TLS and nothing else. more are settings as of its command line.
func Redis(t testing.TB, id *Identity, more ...string) int {
	t.Helper()
	// One program under several names; the package of this one starts no service.
	program := need(t, "Redis (Debian package redis-tools)", "/usr/bin/redis-check-rdb")
	dir, port := dir(t), Port(t)
	args := []string{"--bind", Host, "--dir", dir, "--save", "", "--requirepass", Password, "--masterauth", Password}
	if id == nil {
		args = append(args, "--port", strconv.Itoa(port))
	} else {
		cert, key, ca := id.files(t, dir)
		args = append(args, "--port", "0", "--tls-port", strconv.Itoa(port), "--tls-auth-clients", "no",
			"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca)
	}
	cmd := exec.Command(program)
	cmd.Args = append([]string{"redis-server"}, append(args, more...)...)
	cmd.Dir = dir
	start(t, port, cmd)
	return port
}

// RedisCluster starts a cluster of two nodes, of which the first holds one of 16384
// slots, so that it sends its clients on to the second, by the name that is given.
func RedisCluster(t testing.TB, id *Identity, second string) (first, other int) {
	t.Helper()
	node := func(name string) (port, bus int) {
		bus = Port(t)
		settings := []string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-announce-hostname", name, "--cluster-preferred-endpoint-type", "hostname"}
		if id != nil {
			settings = append(settings, "--tls-cluster", "yes", "--tls-replication", "yes")
		}
		return Redis(t, id, settings...), bus
	}
	first, bus := node("localhost")
	other, _ = node(second)
	a, b := client(t, id, first), client(t, id, other)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.ClusterAddSlotsRange(ctx, 0, 0).Err())
	must(b.ClusterAddSlotsRange(ctx, 1, 16383).Err())
	must(b.Do(ctx, "CLUSTER", "MEET", Host, first, bus).Err())
	for {
		whole := 0
		for _, r := range []*redis.Client{a, b} {
			info, err := r.ClusterInfo(ctx).Result()
			must(err)
			shards, err := r.Do(ctx, "CLUSTER", "SHARDS").Result()
			must(err)
			// The names travel after the slots.
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(fmt.Sprint(shards), second) {
				whole++
			}
		}
		if whole == 2 {
			return first, other
		}
		time.Sleep(20 * time.Millisecond) // it tells nobody when it listens
	}
}

func client(t testing.TB, id *Identity, port int) *redis.Client {
	t.Helper()
	o := &redis.Options{Addr: Host + ":" + strconv.Itoa(port), Password: Password}
	if id != nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(id.CA))
		o.TLSConfig = &tls.Config{RootCAs: roots, ServerName: "localhost"}
	}
	r := redis.NewClient(o)
	t.Cleanup(func() { _ = r.Close() })
	return r
}
