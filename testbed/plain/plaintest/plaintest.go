// Package plaintest gives tests a plain test bed (see [plain]): one for each
// test binary, started by the first test that asks and ended with the process.
//
// Tests keep out of each other's way by namespaces: see [Bed.Namespace].
package plaintest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/testkit"
	"github.com/buenhyden/hy-home/testbed/plain"
)

// Patience is how long a test waits for what must come. It guards against waiting for
// ever and measures nothing: beside the tests of other packages an API server that
// starts in 4 s has taken more than a minute.
const Patience = 5 * time.Minute

// Bed is a plain test bed with what tests need beside it.
type Bed struct {
	*plain.Bed
	Config  *rest.Config
	Metrics *Metrics // what the bed's Prometheus scrapes
}

// start is called once for each test binary.
var start = sync.OnceValues(func() (*Bed, error) {
	dir, err := os.MkdirTemp("", "hy-home-plain-")
	if err != nil {
		return nil, err
	}
	metrics, err := serveMetrics()
	if err != nil {
		return nil, err
	}
	bed, err := plain.Up(context.Background(), plain.Options{
		Dir:     dir,
		BinDir:  BinDir(),
		Scrape:  map[string]string{"test": metrics.address},
		Tied:    true,
		Timeout: Patience,
	})
	if err != nil {
		return nil, err // dir stays: its logs say why
	}
	metrics.prometheus = bed.Prometheus
	cfg, err := bed.Config()
	if err != nil {
		return nil, err
	}
	return &Bed{Bed: bed, Config: cfg, Metrics: metrics}, nil
})

// Start returns the test binary's bed. It skips the test if the bed's programs
// are not built, unless the environment says HY_TESTBED=required: then it fails.
// A package that uses it hands its tests to [Main].
func Start(t testing.TB) *Bed {
	t.Helper()
	if missing := plain.Missing(BinDir(), ""); missing != "" {
		testkit.Missing(t, "%s is missing: run `go run ./testbed up plain` first", missing)
	}
	started.Store(true)
	bed, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return bed
}

// started says that there may be a bed to end.
var started atomic.Bool

// Main runs the tests of a package and ends their bed: `func TestMain(m
// *testing.M) { plaintest.Main(m) }`. Without it the processes end as well, but
// the bed's directory stays.
func Main(m *testing.M) {
	code := m.Run()
	if started.Load() {
		if bed, err := start(); err == nil {
			_ = bed.Down()
			_ = os.RemoveAll(bed.Dir)
		}
	}
	os.Exit(code)
}

// BinDir is where the test bed keeps the executables it has built.
func BinDir() string {
	dir := os.Getenv("HY_TESTBED_CACHE")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "hy-home-testbed" // does not exist: nothing is found there
		}
		dir = filepath.Join(cache, "hy-home-testbed")
	}
	return filepath.Join(dir, "bin")
}

// Namespace makes a namespace for one test and deletes it afterwards, without
// waiting: names are never used twice.
func (b *Bed) Namespace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("%.40s-%x", dnsLabel(t.Name()), time.Now().UnixNano())
	b.Apply(t, "", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}\n")
	t.Cleanup(func() {
		c, err := kubernetes.NewForConfig(b.Config)
		if err == nil {
			err = c.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) { // a test may have deleted it itself
			t.Errorf("delete namespace %s: %v", name, err)
		}
	})
	return name
}

// Apply applies the objects of a YAML stream; those that name no namespace go
// into the one given.
func (b *Bed) Apply(t testing.TB, namespace, yaml string) []apply.Change {
	t.Helper()
	objs, err := apply.Decode(strings.NewReader(yaml), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	c, err := apply.New(b.Config, apply.Options{FieldManager: "plaintest", Namespace: namespace, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := c.Apply(t.Context(), objs)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// Until asks every 50 ms until the answer is nil and fails the test when its
// [Patience] ends, or at once when the bed has lost a program: the last answer says why.
func Until(t testing.TB, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil { // that the limit cut a question short says nothing
			last = err
		}
		if lost := lost(); lost != nil {
			t.Fatalf("%v; the test bed is broken: %v", last, lost)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %s: %v", Patience, last)
		case <-tick.C:
		}
	}
}

// lost says why this process's bed is broken, nil if it is not or there is none.
func lost() error {
	if !started.Load() {
		return nil
	}
	bed, err := start()
	if err != nil {
		return err
	}
	return bed.Lost()
}

// dnsLabel turns a test's name into what a namespace may be called.
func dnsLabel(name string) string {
	label := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
	return strings.Trim(label, "-")
}
