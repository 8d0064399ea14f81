package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
)

// faults are the errors of a GraphQL answer. Data may have come with them.
type faults []fault

type fault struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Path    []any  `json:"path"`
}

func (f faults) Error() string {
	var said []string
	for _, e := range f {
		said = append(said, e.Message)
	}
	return "GitHub answers: " + strings.Join(said, "; ")
}

// at are the faults below a field of the document.
func (f faults) at(field string) faults {
	var found faults
	for _, e := range f {
		if len(e.Path) > 0 && e.Path[0] == field {
			found = append(found, e)
		}
	}
	return found
}

// query asks and decodes what came. It asks again after a gateway's fault.
func (c *Client) query(ctx context.Context, document string, variables map[string]any, out any) error {
	const attempts = 4
	for attempt := 1; ; attempt++ {
		err := c.graphql(ctx, document, variables, out)
		var gateway gatewayError
		if !errors.As(err, &gateway) || attempt == attempts {
			return err
		}
		if err := c.o.Wait(ctx, time.Duration(attempt)*time.Second); err != nil {
			return err
		}
	}
}

// gatewayError is an answer that says nothing of what became of the request.
type gatewayError struct{ status int }

func (e gatewayError) Error() string { return fmt.Sprintf("GitHub answers %d", e.status) }

// graphql sends one document, again if GitHub did not run it for a limit of its
// rate, which GraphQL reports with status 200 (of the secondary one in words). Its error is of type faults if GitHub took the request and
// found something wrong; out then holds what came in spite of that.
func (c *Client) graphql(ctx context.Context, document string, variables map[string]any, out any) error {
	for attempt := 1; ; attempt++ {
		reset, err := c.send(ctx, document, variables, out)
		var f faults
		if !errors.As(err, &f) || attempt == 3 {
			return err
		}
		pause := min(patience, max(time.Second, time.Until(reset)))
		switch {
		case strings.Contains(f[0].Message, secondary):
			pause = time.Minute
		case f[0].Type != "RATE_LIMITED":
			return err
		}
		c.o.Progress(fmt.Sprintf("GitHub's rate limit is used up: trying again in %s", pause.Round(time.Second)))
		if err := c.o.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

func (c *Client) send(ctx context.Context, document string, variables map[string]any, out any) (reset time.Time, err error) {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return reset, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.graphqlURL, bytes.NewReader(body))
	if err != nil {
		return reset, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hyaction")
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return reset, context.Cause(ctx)
		}
		return reset, fmt.Errorf("asking GitHub: %w", err)
	}
	defer res.Body.Close()
	if at, err := strconv.ParseInt(res.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
		reset = time.Unix(at, 0)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return reset, fmt.Errorf("reading GitHub's answer: %w", err)
	}
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return reset, gatewayError{res.StatusCode}
	case http.StatusUnauthorized:
		return reset, exit.BadInputf("GitHub does not know the token (401): it may have ended")
	default:
		var said struct{ Message string }
		_ = json.Unmarshal(text, &said)
		return reset, fmt.Errorf("GitHub answers %d: %s", res.StatusCode, said.Message)
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors faults          `json:"errors"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return reset, fmt.Errorf("GitHub's answer is not JSON: %w", err)
	}
	if len(answer.Data) > 0 {
		if err := json.Unmarshal(answer.Data, out); err != nil {
			return reset, fmt.Errorf("GitHub's answer: %w", err)
		}
	}
	if len(answer.Errors) > 0 {
		return reset, answer.Errors
	}
	return reset, nil
}
