package plaintest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// Metrics is an exporter under the hand of a test: it serves what [Metrics.Set]
// was told, and the bed's Prometheus scrapes it every second as job "test".
type Metrics struct {
	address    string // host:port
	prometheus string // URL

	mu     sync.Mutex
	values map[string]float64 // by series, as in the exposition format
}

// serveMetrics starts the exporter; it lives as long as the process.
func serveMetrics() (*Metrics, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("exporter of the tests: %w", err)
	}
	m := &Metrics{address: l.Addr().String(), values: map[string]float64{}}
	go http.Serve(l, m) //nolint:errcheck // ends with the process
	return m, nil
}

// ServeHTTP answers a scrape.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, series := range slices.Sorted(maps.Keys(m.values)) {
		fmt.Fprintf(w, "%s %s\n", series, strconv.FormatFloat(m.values[series], 'g', -1, 64))
	}
}

// Set gives a series, such as `error_ratio{app="shop"}`, a value and returns
// when Prometheus has it: within a second or so, the first time in a bed's life
// within 11 s (see [plain.Bed.Scrape]).
func (m *Metrics) Set(t testing.TB, series string, value float64) {
	t.Helper()
	m.mu.Lock()
	m.values[series] = value
	m.mu.Unlock()
	Until(t, func(ctx context.Context) error {
		got, err := m.query(ctx, series)
		if err != nil {
			return err
		}
		if want := []float64{value}; !slices.Equal(got, want) {
			return fmt.Errorf("prometheus says %s is %v, want %v", series, got, want)
		}
		return nil
	})
}

// Unset ends a series. Prometheus sees the gap at its next scrape.
func (m *Metrics) Unset(series string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, series)
}

// query returns the values of an instant query.
func (m *Metrics) query(ctx context.Context, promql string) ([]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.prometheus+"/api/v1/query?"+url.Values{"query": {promql}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error string
		Data  struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", req.URL, res.Status, err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("query %s: %s", promql, answer.Error)
	}
	var values []float64
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("query %s: value %q: %w", promql, text, err)
		}
		values = append(values, v)
	}
	return values, nil
}
