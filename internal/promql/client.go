package promql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds how much of an answer is read. A gate's query gives a handful
// of numbers; one that gives megabytes forgot to aggregate.
const maxAnswer = 8 << 20

// longestURL is how long a query may be to be asked by GET: gateways refuse URLs
// from 8 KiB on, and some from 4.
const longestURL = 3 << 10

// Client asks one Prometheus.
type Client struct {
	base    string
	http    *http.Client
	name    string
	headers map[string]string
}

// New makes a client. Base is the URL below which /api/v1/query lies, name is
// how messages call this Prometheus, usually a [Target].
func New(base string, client *http.Client, name string) *Client {
	return &Client{base: strings.TrimRight(base, "/"), http: client, name: name}
}

// Kind is the type of a query's result.
type Kind string

// The kinds of results that can be judged.
const (
	Scalar Kind = "scalar"
	Vector Kind = "vector"
	Matrix Kind = "matrix"
)

// Result is the answer to a query. Its values have no labels, as Argo Rollouts
// has it.
type Result struct {
	Kind     Kind
	Values   []float64 // one for a scalar; in Prometheus' order; a matrix is flattened
	Series   []Series  // of a matrix, for who wants to know when and of what
	Warnings []string
}

// Value is the result as conditions see it: a float64 for a scalar, else a
// []float64 that is empty, never nil, when there is no data.
func (r Result) Value() any {
	if r.Kind == Scalar && len(r.Values) == 1 {
		return r.Values[0]
	}
	if r.Values == nil {
		return []float64{}
	}
	return r.Values
}

// String writes the result as Argo stores it: 0.5 for a scalar, else [0.5,NaN].
func (r Result) String() string {
	parts := make([]string, len(r.Values))
	for i, v := range r.Values {
		parts[i] = format(v)
	}
	if r.Kind == Scalar && len(parts) == 1 {
		return parts[0]
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func format(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// QueryError is a query that Prometheus understood as wrong (type bad_data) or
// could not execute. Everything else that goes wrong is an unreachable Prometheus.
type QueryError struct{ Type, Message string }

func (e *QueryError) Error() string { return e.Type + ": " + e.Message }

// Invalid reports whether err says that the query itself is wrong.
func Invalid(err error) bool {
	var q *QueryError
	return errors.As(err, &q) && q.Type == "bad_data"
}

// Ping checks that what answers at the address is a Prometheus that can execute
// queries. The context bounds how long it may take.
func (c *Client) Ping(ctx context.Context) error {
	r, err := c.Query(ctx, "vector(1)")
	if err != nil {
		return err
	}
	if len(r.Values) != 1 || r.Values[0] != 1 {
		return fmt.Errorf("what answers at %s is not a Prometheus: it says that vector(1) is %s", c.name, r)
	}
	return nil
}

// Check asks whether a query can be understood, at the price of parsing it. A
// server that does not know the question has nothing against the query; one that
// says no has to refuse the query itself as well, which not all gateways parse as
// the server behind them does. What is returned is that refusal, or nil.
func (c *Client) Check(ctx context.Context, query string) error {
	if _, err := c.get(ctx, "format_query", url.Values{"query": {query}}); !Invalid(err) {
		return nil
	}
	if _, err := c.Query(ctx, query); Invalid(err) {
		return err
	}
	return nil
}

// Query evaluates a query at this moment. All but very long ones are asked by GET, which
// an http.Transport asks again by itself where a kept connection turns out to be dead.
func (c *Client) Query(ctx context.Context, query string) (Result, error) {
	return c.get(ctx, "query", url.Values{"query": {query}})
}

// QueryRange evaluates a query at each step between two moments. The values of
// all series follow one another, as Argo Rollouts has it.
func (c *Client) QueryRange(ctx context.Context, query string, start, end time.Time, step time.Duration) (Result, error) {
	return c.get(ctx, "query_range", url.Values{"query": {query}, "start": {unix(start)}, "end": {unix(end)},
		"step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)}})
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func (c *Client) get(ctx context.Context, endpoint string, values url.Values) (Result, error) {
	asked, address := values.Encode(), c.base+"/api/v1/"+endpoint
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+asked, nil)
	if len(asked) > longestURL {
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(asked))
	}
	if err != nil {
		return Result{}, fmt.Errorf("ask Prometheus at %s: %w", c.name, err)
	}
	if req.Method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.send(req)
	if err != nil {
		return Result{}, fmt.Errorf("Prometheus at %s does not answer: %s", c.name, cause(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Result{}, fmt.Errorf("Prometheus at %s broke off its answer: %s", c.name, cause(err))
	}
	if len(body) > maxAnswer {
		return Result{}, fmt.Errorf("Prometheus at %s answers with more than %d MiB: aggregate the query", c.name, maxAnswer>>20)
	}
	r, err := parse(body)
	var q *QueryError
	switch {
	case err == nil, errors.As(err, &q):
		return r, err
	case resp.StatusCode != http.StatusOK:
		return Result{}, fmt.Errorf("Prometheus at %s answers with HTTP %s%s", c.name, resp.Status, detail(body))
	}
	return Result{}, fmt.Errorf("what answers at %s is not a Prometheus: %w", c.name, err)
}

// cause drops the URL that net/http puts before an error: the name says where.
func cause(err error) string {
	var netErr net.Error
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &netErr) && netErr.Timeout()) {
		return "timed out"
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

// detail quotes what a gateway that speaks as an API server does says in place
// of Prometheus.
func detail(body []byte) string {
	var status struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" && status.Message != "" {
		return ": " + status.Message
	}
	return ""
}
