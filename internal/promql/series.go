package promql

import (
	"context"
	"net/url"
	"time"
)

// Series is one series of a range query.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Point is one value of a [Series].
type Point struct {
	Time  time.Time
	Value float64
}

// QueryAt evaluates a query at a moment of the past.
func (c *Client) QueryAt(ctx context.Context, query string, at time.Time) (Result, error) {
	return c.get(ctx, "query", url.Values{"query": {query}, "time": {unix(at)}})
}
