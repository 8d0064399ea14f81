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
)

// takeover is within what time somebody else must lead, on a machine that may be busy;
// how long it took is logged.
const takeover = time.Minute

// answer bounds one question to a server that may just have been killed.
const answer = 5 * time.Second

var members = []string{"pg-0", "pg-1", "pg-2"}

// sql runs statements where clients do, and returns what the last one answers.
func (d *dataTier) sql(t *testing.T, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := d.ask(ctx, d.address(container("postgres", "pg-router")), 5000, d.secret(t, "postgres-password"), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return got
}

// ask is one connection and its end, so that nothing is remembered of who leads.
func (d *dataTier) ask(ctx context.Context, host string, port int, password, text string) (string, error) {
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
	client := http.Client{Timeout: answer}
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
			time.Sleep(20 * time.Millisecond) // until its next try: nobody takes writes while another is elected
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
	w.grow(t, 50, takeover)
	do()
	w.grow(t, 50, takeover+10*time.Second) // the last ones of before may be among them
	time.Sleep(2 * time.Second)            // by now what still came from before is through
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
		ctx, cancel := context.WithTimeout(ctx, answer)
		defer cancel()
		_, err := d.ask(ctx, router, 5000, password, "INSERT INTO acknowledged VALUES ("+strconv.Itoa(n)+")")
		return err
	}, func() {
		d.command(t, "docker", "kill", container("postgres", old))
		start := time.Now()
		for next := ""; next == "" || next == old; next = d.leader() {
			if time.Since(start) > takeover {
				t.Fatalf("nobody leads %s after %s was killed", takeover, old)
			}
			time.Sleep(200 * time.Millisecond) // until its next look at who leads: the others are electing
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
	for deadline := time.Now().Add(3 * time.Minute); got != strconv.Itoa(len(rows))+" t"; time.Sleep(500 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s has %q, want %d rows and to be a replica\n%s", old, got, len(rows), d.command(t, "docker", "logs", "--tail", "20", container("postgres", old)))
		}
		var err error
		ctx, cancel := context.WithTimeout(t.Context(), answer)
		if got, err = d.ask(ctx, d.address(container("postgres", old)), 5432, password, "SELECT count(*) || ' ' || pg_is_in_recovery() FROM acknowledged WHERE n >= 0"); err != nil {
			got = err.Error()
		}
		cancel()
		got = strings.Replace(got, " true", " t", 1)
	}
	d.unchanged(t)
}
