package canarygate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
	"github.com/buenhyden/hy-home/testbed/plain/plaintest"
)

// behaviour is how the pods of a version answer.
type behaviour struct {
	failing float64       // share of answers with 500
	latency time.Duration // median
}

// traffic is what the pods of a Rollout would serve: the bed's nodes run no
// containers, so one server here answers for all of them, each request as the
// version of the pod that it is for, and counts as an application does. Which pods
// get requests is read from the API server.
type traffic struct {
	shop *shop
	by   map[string]behaviour // by tag

	mu       sync.Mutex
	requests map[[2]string]int                // by hash and code
	seconds  map[string]*[len(bounds) + 1]int // answers by hash and bucket of their latency
}

// bounds are the upper bounds of the histogram's buckets, in seconds.
var bounds = [...]float64{0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32}

// serveTraffic starts users who send requests until the test ends.
func (s *shop) serveTraffic(t *testing.T, by map[string]behaviour) {
	t.Helper()
	f := &traffic{shop: s, by: by, requests: map[[2]string]int{}, seconds: map[string]*[len(bounds) + 1]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", f.metrics)
	mux.HandleFunc("/", f.answer)
	server := httptest.NewServer(mux)
	job := s.namespace
	if err := s.Scrape(job, strings.TrimPrefix(server.URL, "http://")); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var users sync.WaitGroup
	users.Go(func() { f.send(ctx, server.URL) })
	t.Cleanup(func() {
		stop()
		users.Wait()
		server.Close()
		if err := s.Scrape(job); err != nil {
			t.Error(err)
		}
	})
	prom := promql.New(s.Prometheus, http.DefaultClient, "the bed")
	plaintest.Until(t, func(ctx context.Context) error {
		r, err := prom.Query(ctx, fmt.Sprintf("requests_total{job=%q}", job))
		if err == nil && len(r.Values) == 0 {
			err = errors.New("Prometheus has no requests yet")
		}
		return err
	})
}

// send sends 100 requests a second to the pods in turn.
func (f *traffic) send(ctx context.Context, url string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var pods [][2]string
	var looked time.Time
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(looked) > 500*time.Millisecond {
			pods, looked = f.live(ctx), time.Now()
		}
		if len(pods) == 0 {
			continue
		}
		pod := pods[i%len(pods)]
		go func() {
			if r, err := http.Get(url + "/?hash=" + pod[0] + "&tag=" + pod[1]); err == nil {
				r.Body.Close()
			}
		}()
	}
}

// live lists hash and tag of each running pod.
func (f *traffic) live(ctx context.Context) [][2]string {
	gvr := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	found, err := f.shop.client.Resource(gvr).Namespace(f.shop.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	var out [][2]string
	for _, p := range found.Items {
		containers := rollout.Decode(map[string]any{"spec": map[string]any{"template": p.Object}}).Containers
		if len(containers) == 1 && p.GetDeletionTimestamp() == nil {
			_, tag, _ := strings.Cut(containers[0].Image, "shop:")
			out = append(out, [2]string{p.GetLabels()["rollouts-pod-template-hash"], tag})
		}
	}
	return out
}

// answer answers as the version would.
func (f *traffic) answer(w http.ResponseWriter, r *http.Request) {
	hash, b := r.URL.Query().Get("hash"), f.by[r.URL.Query().Get("tag")]
	work := time.Duration(float64(b.latency) * (0.75 + rand.Float64()/2))
	time.Sleep(work) // it is the work of the version; what the machine adds to it is none of a version's
	code := "200"
	if rand.Float64() < b.failing {
		code = "500"
		w.WriteHeader(http.StatusInternalServerError)
	}
	took := work.Seconds()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests[[2]string{hash, code}]++
	if f.seconds[hash] == nil {
		f.seconds[hash] = new([len(bounds) + 1]int)
	}
	at := 0
	for at < len(bounds) && took > bounds[at] {
		at++
	}
	f.seconds[hash][at]++
}

// metrics answers a scrape.
func (f *traffic) metrics(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for k, n := range f.requests {
		fmt.Fprintf(w, "requests_total{hash=%q,code=%q} %d\n", k[0], k[1], n)
	}
	for hash, buckets := range f.seconds {
		sum := 0
		for i, n := range buckets {
			sum += n
			le := "+Inf"
			if i < len(bounds) {
				le = fmt.Sprint(bounds[i])
			}
			fmt.Fprintf(w, "seconds_bucket{hash=%q,le=%q} %d\n", hash, le, sum)
		}
	}
}

const trafficChecks = `
checks:
- name: error share
  query: 'sum(rate(requests_total{job="{{namespace}}",hash="{{pod-hash}}",code="500"}[5s]) or vector(0)) / sum(rate(requests_total{job="{{namespace}}",hash="{{pod-hash}}"}[5s]))'
  condition: result[0] < 0.05
  interval: 1s
- name: latency
  query: 'histogram_quantile(0.9, sum by (le) (rate(seconds_bucket{job="{{namespace}}",hash="{{hash}}"}[5s])))'
  compare: {direction: increase, step: 1s, warm-up: 5s}
  min-samples: 6
`

// TestBed_Traffic judges versions by requests that were really answered, as real
// Prometheus has counted them: errors against a threshold, and the canary's
// latency against that of the revision beside it.
func TestBed_Traffic(t *testing.T) {
	f, err := gatefile.Parse([]byte(trafficChecks))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		canary  behaviour
		verdict Verdict
		reason  string
		message string
	}{
		{"good", behaviour{0.002, 10 * time.Millisecond}, Passed, rollout.ReasonHealthy, "score 100"},
		{"5xx", behaviour{0.3, 10 * time.Millisecond}, Failed, ReasonCheck, "error share: 1 of"},
		{"slow", behaviour{0.002, 60 * time.Millisecond}, Failed, ReasonCheck, "latency: higher than the baseline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openShop(t)
			s.release(t, plainRollout, withoutSteps, "v1", "")
			s.settle(t, rollout.Healthy)
			s.serveTraffic(t, map[string]behaviour{"v1": {0.002, 10 * time.Millisecond}, "v2": c.canary})
			o := s.gate("v2")
			o.Query, o.Condition, o.Gate = "", "", f
			enough := told(&o, "error share: ", 15)
			verdict := start(t, o)
			s.release(t, plainRollout, `[{setWeight: 50}, {pause: {duration: 10m}}]`, "v2", "")
			var r Result
			select {
			case r = <-verdict:
			case <-enough:
				s.goOn(t)
				r = <-verdict
			}
			if r.Verdict != c.verdict || r.Reason != c.reason || !strings.Contains(r.Message, c.message) {
				t.Errorf("%s %s: %s (%+v)", r.Verdict, r.Reason, r.Message, r.Changes)
			}
			for _, k := range r.Checks {
				t.Logf("%s after %.1f s: %s: %s", r.Verdict, r.End.Sub(r.Start).Seconds(), k.Name, k.Text)
			}
		})
	}
}
