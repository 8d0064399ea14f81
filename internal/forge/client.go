// Package forge changes files of a repository on GitHub, or a GitHub Enterprise
// Server, without a clone: it reads the few files it is asked for in one query,
// commits with the head it read as a condition, and opens and keeps pull requests.
//
// Reading, committing on a branch and everything around a pull request go by
// GraphQL, since one request does many things there. The Git Data API (by
// go-github) is for what GraphQL cannot do: a file mode other than 100644, and a new
// commit for a branch that must be moved by force.
//
// The token goes to the API's own host and nowhere else, and is part of no error.
package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v66/github"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gitrepo"
)

// Options say which repository, and how to reach it.
type Options struct {
	API        string // base URL of the REST API: https://api.github.com, or https://HOST/api/v3 of an Enterprise Server
	Repository string // owner/name
	Token      string
	Transport  http.RoundTripper // nil is http.DefaultTransport
	Progress   func(string)      // told what is being done; may be nil
	Log        *slog.Logger      // may be nil
	// Wait pauses between attempts; nil waits for real.
	Wait func(context.Context, time.Duration) error
}

// Client speaks with GitHub about one repository. It is safe for concurrent use.
type Client struct {
	o           Options
	owner, name string
	graphqlURL  string
	http        *http.Client
	rest        *github.Client
}

var slug = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)

// IsSlug tells whether a repository is written as owner/name.
func IsSlug(repository string) bool {
	return slug.MatchString(repository) && !strings.HasSuffix(repository, "/.") && !strings.HasSuffix(repository, "/..")
}

// New checks the options; it asks nothing yet.
func New(o Options) (*Client, error) {
	if !IsSlug(o.Repository) {
		return nil, exit.BadInputf("repository %q: GitHub's API wants owner/name", o.Repository)
	}
	if o.Token == "" {
		return nil, exit.BadInputf("GitHub's API wants a token: give one that may write to %s", o.Repository)
	}
	base, err := url.Parse(strings.TrimSuffix(o.API, "/") + "/")
	if err != nil || base.Host == "" || base.User != nil {
		return nil, exit.BadInputf("api-url %q: write https://api.github.com, or https://HOST/api/v3 of an Enterprise Server", o.API)
	}
	if base.Scheme != "https" && !gitrepo.Loopback(base.Host) {
		return nil, exit.BadInputf("api-url %q: the token would cross the network readable; write https", o.API)
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait == nil {
		o.Wait = gitrepo.Wait
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	c := &Client{o: o}
	c.owner, c.name, _ = strings.Cut(o.Repository, "/")
	// https://api.github.com/graphql, but https://HOST/api/graphql.
	c.graphqlURL = base.JoinPath("graphql").String()
	if strings.HasSuffix(base.Path, "/api/v3/") {
		c.graphqlURL = base.ResolveReference(&url.URL{Path: strings.TrimSuffix(base.Path, "v3/") + "graphql"}).String()
	}
	c.http = &http.Client{Transport: &transport{o: o, host: base.Host}}
	c.rest = github.NewClient(c.http)
	c.rest.BaseURL = base
	return c, nil
}

// transport signs requests to the API's host, and waits where GitHub asks to.
type transport struct {
	o    Options
	host string
}

// patience bounds what GitHub may ask us to wait at a time; beyond it, an answer
// now is worth more than a job that sleeps.
const patience = 5 * time.Minute

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		r := req.Clone(req.Context())
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			r.Body = body
		}
		if r.URL.Host == t.host {
			r.Header.Set("Authorization", "Bearer "+t.o.Token)
			r.Header.Set("X-GitHub-Api-Version", "2022-11-28")
		}
		res, err := t.o.Transport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		t.o.Log.Debug("github", "method", r.Method, "path", r.URL.Path, "status", res.StatusCode)
		pause, again := t.pause(res, attempt)
		if !again {
			return res, nil
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
		res.Body.Close()
		t.o.Progress(fmt.Sprintf("GitHub asks to wait (HTTP %d): trying again in %s", res.StatusCode, pause.Round(time.Second)))
		if err := t.o.Wait(req.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// pause tells whether to ask again and when: for rate limits as GitHub says
// (docs.github.com, "Best practices for using the REST API"), for a gateway's fault
// on what only reads after a moment.
func (t *transport) pause(res *http.Response, attempt int) (time.Duration, bool) {
	const attempts = 6
	if attempt >= attempts {
		return 0, false
	}
	switch res.StatusCode {
	case http.StatusForbidden, http.StatusTooManyRequests:
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
			d := time.Duration(s) * time.Second
			return d, d <= patience
		}
		if res.Header.Get("X-RateLimit-Remaining") == "0" {
			at, err := strconv.ParseInt(res.Header.Get("X-RateLimit-Reset"), 10, 64)
			d := max(time.Second, time.Until(time.Unix(at, 0)))
			return d, err == nil && d <= patience
		}
		return time.Minute, res.StatusCode == http.StatusTooManyRequests || saysSecondary(res)
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return time.Duration(attempt) * time.Second, res.Request.Method == http.MethodGet
	}
	return 0, false
}

// secondary is how GitHub's answers name the limit on how fast one may write, which they
// tell in words alone if they must.
const secondary = "secondary rate limit"

// saysSecondary looks for it in what an answer says, and leaves that to be read again.
func saysSecondary(res *http.Response) bool {
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), res.Body), res.Body}
	return err == nil && bytes.Contains(text, []byte(secondary))
}

// explain says what an answer of the REST API means, without the request's URL, which
// go-github puts before everything else.
func explain(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		text := answer.Message
		for _, e := range answer.Errors {
			if e.Message != "" {
				text += "; " + e.Message
			}
		}
		return fmt.Errorf("%s: GitHub answers %d: %s", doing, answer.Response.StatusCode, text)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func status(err error) int {
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.StatusCode
	}
	return 0
}
