package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"
)

// takeover is within what time somebody else must lead.
const takeover = 30 * time.Second

var members = []string{"pg-0", "pg-1", "pg-2"}

// sql runs statements where clients do, and returns what the last one answers.
func (d *dataTier) sql(t *testing.T, text string) string {
	t.Helper()
	got, err := d.ask(t.Context(), d.address(container("postgres", "pg-router")), 5000, d.secret(t, "postgres-password"), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return got
}

// ask is one connection and its end, so that nothing is remembered of who leads.
func (d *dataTier) ask(ctx context.Context, host string, port int, password, text string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := pgconn.Connect(ctx, fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres sslmode=disable password=%s", host, port, password))
	if err != nil {
		return "", err
	}
	defer c.Close(context.WithoutCancel(ctx))
	results, err := c.Exec(ctx, text).ReadAll()
	if err != nil {
		return "", err
	}
	var rows []string
	for _, row := range results[len(results)-1].Rows {
		rows = append(rows, string(row[0]))
	}
	return strings.Join(rows, " "), nil
}

// leader is who answers as Patroni's primary; "" for nobody.
func (d *dataTier) leader() string {
	client := http.Client{Timeout: time.Second}
	for _, member := range members {
		host := d.address(container("postgres", member))
		if host == "" {
			continue
		}
		res, err := client.Get("http://" + net.JoinHostPort(host, "8008") + "/primary")
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return member
		}
	}
	return ""
}

// writer writes one number after the other and notes those that were acknowledged.
type writer struct {
	mu           sync.Mutex
	acknowledged []int
	last         time.Time // of an acknowledgement
	gap          time.Duration
}

func (w *writer) run(ctx context.Context, write func(context.Context, int) error) {
	for n := 0; ctx.Err() == nil; n++ {
		if err := write(ctx, n); err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		w.mu.Lock()
		now := time.Now()
		if !w.last.IsZero() {
			w.gap = max(w.gap, now.Sub(w.last))
		}
		w.acknowledged, w.last = append(w.acknowledged, n), now
		w.mu.Unlock()
	}
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acknowledged)
}

// through starts a writer, lets it write, does something to it, and waits until it
// goes on: how long it could not write must be within the limit.
func (w *writer) through(t *testing.T, write func(context.Context, int) error, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.run(ctx, write) })
	defer running.Wait()
	defer cancel()
	w.grow(t, 50, 15*time.Second)
	do()
	w.grow(t, 50, takeover+10*time.Second) // the last ones of before may be among them
	time.Sleep(2 * time.Second)
	w.grow(t, 50, takeover)
}

func (w *writer) grow(t *testing.T, by int, within time.Duration) {
	t.Helper()
	want := w.count() + by
	for deadline := time.Now().Add(within); w.count() < want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d writes were acknowledged, and no %d more within %s", w.count(), by, within)
		}
	}
}

func (d *dataTier) postgresFailover(t *testing.T) {
	router, password := d.address(container("postgres", "pg-router")), d.secret(t, "postgres-password")
	old := d.leader()
	if old == "" {
		t.Fatal("nobody leads")
	}
	var w writer
	var led time.Duration
	w.through(t, func(ctx context.Context, n int) error {
		_, err := d.ask(ctx, router, 5000, password, "INSERT INTO acknowledged VALUES ("+strconv.Itoa(n)+")")
		return err
	}, func() {
		d.command(t, "docker", "kill", container("postgres", old))
		start := time.Now()
		for next := ""; next == "" || next == old; next = d.leader() {
			if time.Since(start) > takeover {
				t.Fatalf("nobody leads %s after %s was killed", takeover, old)
			}
			time.Sleep(200 * time.Millisecond)
		}
		led = time.Since(start)
	})
	rows := strings.Fields(d.sql(t, "SELECT n FROM acknowledged WHERE n >= 0"))
	held := map[string]bool{}
	for _, n := range rows {
		held[n] = true
	}
	lost := slices.DeleteFunc(slices.Clone(w.acknowledged), func(n int) bool { return held[strconv.Itoa(n)] })
	t.Logf("%s was killed: another leads after %.1f s, no write for %.1f s; %d acknowledged, %d rows, %d lost", old, led.Seconds(), w.gap.Seconds(), len(w.acknowledged), len(rows), len(lost))
	if len(lost) > 0 {
		t.Errorf("acknowledged and lost: %v", lost)
	}
	if w.gap > takeover {
		t.Errorf("clients could not write for %s", w.gap)
	}

	// Back again it follows, and has the rows too.
	d.command(t, "docker", "start", container("postgres", old))
	got := ""
	for deadline := time.Now().Add(60 * time.Second); got != strconv.Itoa(len(rows))+" t"; time.Sleep(500 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s has %q, want %d rows and to be a replica\n%s", old, got, len(rows), d.command(t, "docker", "logs", "--tail", "20", container("postgres", old)))
		}
		var err error
		if got, err = d.ask(t.Context(), d.address(container("postgres", old)), 5432, password, "SELECT count(*) || ' ' || pg_is_in_recovery() FROM acknowledged WHERE n >= 0"); err != nil {
			got = err.Error()
		}
		got = strings.Replace(got, " true", " t", 1)
	}
	if out := d.setup(t, "postgres=ha redis-cluster=ha"); !strings.Contains(out, "\nchanged=false\n") {
		t.Errorf("after that a run changed something:\n%s", out)
	}
}

// redisFailover kills a master under two writers: one takes every answer for an
// acknowledgement, the other waits for the replica too. Redis replicates after it
// has answered: what the first one loses is told, the second may lose nothing.
func (d *dataTier) redisFailover(t *testing.T) {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{"redis-node-1:6379", "redis-node-2:6379", "redis-node-3:6379", "redis-node-4:6379", "redis-node-5:6379", "redis-node-6:6379"}, Password: d.secret(t, "redis-password"),
		DialTimeout: time.Second, ReadTimeout: time.Second, MaxRedirects: 1,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			name, port, _ := net.SplitHostPort(address)
			if ip := d.address(container("redis-cluster", name)); ip != "" {
				name = ip
			}
			return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, net.JoinHostPort(name, port))
		},
	})
	defer client.Close()
	const tag = "{acknowledged}"
	master, err := client.MasterForKey(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	old, _, _ := net.SplitHostPort(master.Options().Addr)
	if !strings.HasPrefix(old, "redis-node-") {
		t.Fatalf("clients are sent to %s, which is no name", old)
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
		d.command(t, "docker", "kill", container("redis-cluster", old))
		// From now on no replica is left that could be waited for: any write counts.
		before := one.count()
		for start := time.Now(); one.count() < before+50; time.Sleep(50 * time.Millisecond) {
			if time.Since(start) > takeover {
				t.Fatalf("no write to the slots of %s within %s", old, takeover)
			}
		}
		d.command(t, "docker", "start", container("redis-cluster", old))
	})
	cancel()
	beside.Wait()
	lost := map[string]int{}
	for name, w := range map[string]*writer{"one": one, "all": all} {
		for _, n := range w.acknowledged {
			if got, err := client.Get(t.Context(), tag+name+strconv.Itoa(n)).Int(); err != nil || got != n {
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
	// The run waits until every node calls the cluster whole, with all six known.
	if out := d.setup(t, "postgres=ha redis-cluster=ha"); !strings.Contains(out, "\nchanged=false\n") {
		t.Errorf("after that a run changed something:\n%s", out)
	}
	role := d.command(t, "docker", "exec", container("redis-cluster", old), "sh", "-c", "REDISCLI_AUTH=$(cat /run/secrets/redis-password) redis-cli role")
	if !strings.HasPrefix(role, "slave") {
		t.Errorf("%s came back as\n%s", old, role)
	}
}
