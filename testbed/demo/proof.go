package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/apply"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/report"
)

// Paths of the API server's service proxy, by which the runner reaches Services.
const (
	backend    = "/api/v1/namespaces/apps/services/backend:80/proxy/"
	prometheus = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy"
)

// requests is how many answers in a row must come from the wanted version: with
// one of four pods being another version, 20 by luck are 0.3 %.
const requests = 20

// settle is how long an aborted canary's last pod may take to go.
const settle = time.Minute

// stillServes proves that users meet only the wanted version, without errors.
func (s *stage) stillServes(version string) work {
	return func(ctx context.Context, progress func(string)) (engine.Outcome, error) {
		ctx, cancel := context.WithTimeout(ctx, settle)
		defer cancel()
		for row := 0; row < requests; row++ {
			why := s.servedBy(ctx, version)
			switch {
			case why != nil && ctx.Err() != nil:
				return "", fmt.Errorf("%d of %d answers in a row came from %s within %s: %w", row, requests, version, settle, why)
			case why != nil:
				progress(why.Error())
				row = -1
				time.Sleep(time.Second) // between two looks; the deadline is settle
			default:
				progress(fmt.Sprintf("%d of %d answers from %s", row+1, requests, version))
			}
		}
		return engine.Checked, nil
	}
}

// servedBy sends one request to the backend and says what was wrong with the answer.
func (s *stage) servedBy(ctx context.Context, version string) error {
	body, err := s.get(ctx, backend)
	if err != nil {
		return err
	}
	var answer struct{ Version string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Version != version {
		return fmt.Errorf("the answer is %q, want version %s", body, version)
	}
	return nil
}

// errorShare reads from Prometheus what the three releases did to their callers.
func (s *stage) errorShare(ctx context.Context, start, end time.Time) (report.Chart, error) {
	chart := report.Chart{Title: "Share of requests that ended in an error, by version", Unit: "%", Limit: &report.Limit{Name: "limit of the gate", Value: 5}}
	// A canary that is stopped within seconds leaves two or three samples: the
	// version is remembered for longer than its pod lives.
	const share = `100 * sum by (revision) (rate(http_requests_total{code=~"5.."}[15s])) / sum by (revision) (rate(http_requests_total[15s]))` +
		` * on (revision) group_left (version) max by (revision, version) (last_over_time(app_info[1m]))`
	body, err := s.get(ctx, prometheus+"/api/v1/query_range?"+url.Values{
		"query": {share},
		"start": {strconv.FormatInt(start.Unix(), 10)},
		"end":   {strconv.FormatInt(end.Unix(), 10)},
		"step":  {"1"},
	}.Encode())
	if err != nil {
		return chart, fmt.Errorf("ask Prometheus for the chart: %w", err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return chart, fmt.Errorf("read Prometheus' answer: %w", err)
	}
	for _, series := range answer.Data.Result {
		line := report.Series{Name: series.Metric["version"]}
		for _, pair := range series.Values {
			at, _ := pair[0].(float64)
			text, _ := pair[1].(string)
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				continue
			}
			line.Points = append(line.Points, report.Point{Time: time.UnixMilli(int64(at * 1000)), Value: value})
		}
		chart.Series = append(chart.Series, line)
	}
	slices.SortFunc(chart.Series, func(a, b report.Series) int { return strings.Compare(a.Name, b.Name) })
	return chart, nil
}

// get fetches a path of the API server.
func (s *stage) get(ctx context.Context, path string) ([]byte, error) {
	cfg, err := apply.Load(s.output("kubeconfig"))
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(cfg.Host, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return body, err
}
