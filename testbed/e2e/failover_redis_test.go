package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redis is a client of the cluster. Names are looked up at the engine, as this machine
// is not on their network.
func (d *dataTier) redis(t *testing.T) *redis.ClusterClient {
	t.Helper()
	return redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{"redis-node-1:6379", "redis-node-2:6379", "redis-node-3:6379", "redis-node-4:6379", "redis-node-5:6379", "redis-node-6:6379"}, Password: d.secret(t, "redis-password"),
		DialTimeout: time.Second, ReadTimeout: time.Second, MaxRedirects: 1,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			name, port, _ := net.SplitHostPort(address)
			ip := d.address(container("redis-cluster", name))
			if ip == "" {
				return nil, errors.New(name + " is down")
			}
			return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, net.JoinHostPort(ip, port))
		},
	})
}

// valkey puts the other engine in the place of Redis, over the same data.
func (d *dataTier) valkey(t *testing.T) {
	before := d.redis(t)
	defer before.Close()
	if err := before.Set(t.Context(), "engine", "redis", 0).Err(); err != nil {
		t.Fatal(err)
	}
	d.sizes = "postgres=ha redis-cluster=valkey-ha"
	d.setup(t)
	after := d.redis(t)
	defer after.Close()
	if got, err := after.Get(t.Context(), "engine").Result(); got != "redis" || err != nil {
		t.Errorf("what Redis took reads %q, %v", got, err)
	}
	if info, err := after.Info(t.Context(), "server").Result(); !strings.Contains(info, "server_name:valkey") || err != nil {
		t.Errorf("the engine is not Valkey: %v\n%s", err, info)
	}
	d.unchanged(t)
}

// redisNode is what a node of the cluster says of one.
type redisNode struct{ id, flags, of string }

// nodes are all nodes by their names, as one of them sees them.
func (d *dataTier) nodes(t *testing.T, asked string) map[string]redisNode {
	t.Helper()
	nodes := map[string]redisNode{}
	for line := range strings.Lines(d.redisCLI(t, asked, "cluster nodes")) {
		field := strings.Fields(line) // id ip:port@bus,name[,...] flags master ...
		if len(field) < 4 {
			continue
		}
		_, name, _ := strings.Cut(field[1], ",")
		name, _, _ = strings.Cut(name, ",")
		nodes[name] = redisNode{id: field[0], flags: strings.TrimPrefix(field[2], "myself,"), of: field[3]}
	}
	return nodes
}

func (d *dataTier) redisCLI(t *testing.T, node, command string) string {
	t.Helper()
	return d.command(t, "docker", "exec", container("redis-cluster", node), "sh", "-c", "REDISCLI_AUTH=$(cat /run/secrets/redis-password) redis-cli "+command)
}

// settled waits until all nodes have told the same of each other for longer than it
// takes to call one failed: nodes that were made again have elections behind them
// by then, or have had none. It returns what they tell.
func (d *dataTier) settled(t *testing.T) map[string]redisNode {
	t.Helper()
	const still = 8 * time.Second // cluster-node-timeout is 5 s, an election a second or two
	var told map[string]redisNode
	since := time.Now()
	for deadline := time.Now().Add(3 * time.Minute); time.Since(since) < still; time.Sleep(500 * time.Millisecond) { // they are finding each other
		seen := d.nodes(t, "redis-node-1")
		same := len(seen) == 6
		for name, n := range seen {
			same = same && (n.flags == "master" || n.flags == "slave") && maps.Equal(d.nodes(t, name), seen)
		}
		if !same || !maps.Equal(seen, told) {
			told, since = seen, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatalf("the nodes do not settle: %v", seen)
		}
	}
	return told
}

// masterOf is the name of who takes writes of a key. What a client was told may be of
// before a fail-over: it counts that this one does.
func (d *dataTier) masterOf(t *testing.T, client *redis.ClusterClient, key string) string {
	t.Helper()
	for deadline := time.Now().Add(takeover); ; time.Sleep(100 * time.Millisecond) { // the client asks again in the background
		node, err := client.MasterForKey(t.Context(), key)
		if err == nil {
			err = node.Set(t.Context(), key, "", 0).Err()
		}
		if err == nil {
			name, _, _ := net.SplitHostPort(node.Options().Addr)
			return name
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		client.ReloadState(t.Context())
	}
}

// redisFailover kills a master under two writers: one takes every answer for an
// acknowledgement, the other waits for the replica too. Redis replicates after it
// has answered: what the first one loses is told, the second may lose nothing.
func (d *dataTier) redisFailover(t *testing.T) {
	before := d.settled(t)
	client := d.redis(t)
	defer client.Close()
	tag := "{acknowledged by " + d.sizes + "}" // of one slot, and of no earlier run
	old := d.masterOf(t, client, tag)
	if before[old].flags != "master" {
		t.Fatalf("clients are sent to %s, which is no master among %v", old, before)
	}
	one, all := &writer{}, &writer{}
	ctx, cancel := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	beside.Go(func() {
		one.run(ctx, func(ctx context.Context, n int) error {
			return client.Set(ctx, tag+"one"+strconv.Itoa(n), n, 0).Err()
		})
	})
	all.through(t, func(ctx context.Context, n int) error {
		key := tag + "all" + strconv.Itoa(n)
		node, err := client.MasterForKey(ctx, key)
		if err != nil {
			return err
		}
		c := node.Conn() // WAIT is for what was written on the same connection
		defer c.Close()
		if err := c.Set(ctx, key, n, 0).Err(); err != nil {
			client.ReloadState(ctx)
			return err
		}
		if copies, err := c.Wait(ctx, 1, 500*time.Millisecond).Result(); err != nil || copies < 1 {
			return fmt.Errorf("%d replicas have it: %w", copies, err)
		}
		return nil
	}, func() {
		if role := d.redisCLI(t, old, "role"); !strings.HasPrefix(role, "master") {
			t.Fatalf("%s is about to be killed as the master, and says\n%s", old, role)
		}
		d.command(t, "docker", "kill", container("redis-cluster", old))
		// From now on no replica is left that could be waited for: any write counts.
		acknowledged := one.count()
		for start := time.Now(); one.count() < acknowledged+50; time.Sleep(50 * time.Millisecond) { // the writer beside counts
			if time.Since(start) > takeover {
				t.Fatalf("no write to the slots of %s within %s", old, takeover)
			}
		}
		heir := d.masterOf(t, client, tag)
		if before[heir].of != before[old].id {
			t.Fatalf("%s was killed and %s takes writes, which was no replica of it: %v", old, heir, before)
		}
		d.command(t, "docker", "start", container("redis-cluster", old))
	})
	cancel()
	beside.Wait()
	lost := map[string]int{}
	for name, w := range map[string]*writer{"one": one, "all": all} {
		for _, n := range w.acknowledged {
			if got := d.held(t, client, tag+name+strconv.Itoa(n)); got != strconv.Itoa(n) {
				lost[name]++
			}
		}
	}
	t.Logf("%s was killed: no write for %.1f s; of %d that the master acknowledged %d are lost, of %d that its replica has %d",
		old, one.gap.Seconds(), len(one.acknowledged), lost["one"], len(all.acknowledged), lost["all"])
	if lost["all"] > 0 {
		t.Errorf("%d writes are lost that a replica had", lost["all"])
	}
	if one.gap > takeover {
		t.Errorf("clients could not write for %s", one.gap)
	}
	// Back again it follows the one that took over.
	role, deadline := "", time.Now().Add(takeover)
	for ; !strings.HasPrefix(role, "slave"); time.Sleep(500 * time.Millisecond) { // it learns of its successor
		if time.Now().After(deadline) {
			t.Fatalf("%s came back as\n%s", old, role)
		}
		role = d.redisCLI(t, old, "role")
	}
	d.unchanged(t)
}

// held is what the cluster has under a key, "" for nothing. That it did not answer in
// time is none.
func (d *dataTier) held(t *testing.T, client *redis.ClusterClient, key string) string {
	t.Helper()
	for deadline := time.Now().Add(takeover); ; time.Sleep(100 * time.Millisecond) { // the client asks again in the background
		got, err := client.Get(t.Context(), key).Result()
		if err == nil || errors.Is(err, redis.Nil) {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
