package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/gitrepo/gittest"
	"github.com/buenhyden/hy-home/internal/run"
)

// A server that fails for the moment at any of the requests, before git's own server saw it or
// after, costs time and nothing else: one commit, which is told as made.
func TestUpdate_AServerThatFailsForTheMoment(t *testing.T) {
	for n := int64(1); n <= 6; n++ {
		for name, after := range map[string]bool{"before": false, "after": true} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				server := gittest.Serve(t, gittest.Bare(t, seed))
				failed := false
				fail := func(*http.Request) int {
					if server.Requests.Load() != n {
						return 0
					}
					failed = true
					return http.StatusServiceUnavailable
				}
				if after {
					server.After = fail
				} else {
					server.Before = fail
				}
				got, err := open(t, options(server.URL)).Update(t.Context(), add("a"))
				if err != nil || !got.Changed || got.Commit != gittest.Git(t, server.Dir, "rev-parse", "main") {
					t.Errorf("Update = %+v, %v", got, err)
				}
				if commits := gittest.Git(t, server.Dir, "rev-list", "--count", "main"); commits != "2" {
					t.Errorf("%s commits, want 2", commits)
				}
				if !failed {
					t.Errorf("there was no request %d", n)
				}
			})
		}
	}
}

// An outage is told in the server's own words, after a bounded number of requests.
func TestUpdate_AServerThatIsDown(t *testing.T) {
	server := gittest.Serve(t, gittest.Bare(t, seed))
	server.Before = func(*http.Request) int { return http.StatusBadGateway }
	_, err := Open(t.Context(), options(server.URL))
	if err == nil || !strings.Contains(err.Error(), "502") || server.Requests.Load() != tries {
		t.Errorf("%v after %d requests, want the 502 after %d", err, server.Requests.Load(), tries)
	}
}

// reader keeps what each command is given to read, and fails the first.
type reader struct{ given []string }

func (r *reader) Run(_ context.Context, c run.Cmd) (run.Result, error) {
	text, err := io.ReadAll(c.Stdin)
	if r.given = append(r.given, string(text)); err == nil && len(r.given) == 1 {
		return run.Result{Stderr: "The requested URL returned error: 503"}, errors.New("exit status 128")
	}
	return run.Result{}, err
}

// What the first try has read is there for the second as well.
func TestOutput_EachTryIsGivenTheWholeInput(t *testing.T) {
	runner, o := &reader{}, options("x")
	o.Runner, o.Progress, o.Log = runner, func(string) {}, slog.New(slog.DiscardHandler)
	if _, err := (&Repo{o: o}).output(t.Context(), strings.NewReader("list"), "fetch", "--stdin"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"list", "list"}; !slices.Equal(runner.given, want) {
		t.Errorf("git was given %q, want %q", runner.given, want)
	}
}

func TestIsPassing(t *testing.T) {
	for output, want := range map[string]bool{
		"fatal: unable to access 'https://host/': The requested URL returned error: 500":                       true,
		"fatal: unable to access 'https://host/': The requested URL returned error: 429":                       true,
		"error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502":                            true,
		"fatal: unable to access 'https://host/': Could not resolve host: host":                                true,
		"fatal: unable to access 'https://host/': Recv failure: Connection reset by peer":                      true,
		"kex_exchange_identification: Connection closed by remote host":                                        true,
		"fetch-pack: unexpected disconnect while reading sideband packet":                                      true,
		"error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds": true,
		"fatal: early EOF": true,
		"fatal: unable to access 'https://host/': The requested URL returned error: 403":          false,
		"fatal: Authentication failed for 'https://host/'":                                        false,
		"! [remote rejected] main -> main (pre-receive hook declined)":                            false,
		"send-pack: unexpected end of file\nfatal: the remote end hung up unexpectedly":           false,
		"git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.": false,
	} {
		if got := isPassing(fmt.Errorf("fetching: %w", &gitError{output: output, cause: errors.New("exit status 128")})); got != want {
			t.Errorf("isPassing(%q) = %v", output, got)
		}
	}
	if isPassing(nil) || isPassing(errors.New("returned error: 500")) {
		t.Error("what is not git's error counts as passing")
	}
}
