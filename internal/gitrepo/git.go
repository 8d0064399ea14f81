package gitrepo

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/run"
)

// tokenEnv carries the authorization header to git, see [Repo.output].
const tokenEnv = "HYACTION_GIT_AUTHORIZATION"

// asksServer are the commands that need the token: the others, and hooks and filters that
// they start, have no business with it. cat-file brings what a partial clone lacks.
var asksServer = map[string]bool{"clone": true, "fetch": true, "push": true, "ls-remote": true, "cat-file": true}

// git runs one git command and returns its output without the last line end.
func (r *Repo) git(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	out, err := r.output(ctx, stdin, args...)
	return strings.TrimRight(string(out), "\r\n"), err
}

// output runs one git command and returns all that it wrote, to the byte.
func (r *Repo) output(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	var stdout bytes.Buffer // the Result holds the end alone of what is long
	c := run.Cmd{
		Name:   "git",
		Args:   args,
		Dir:    r.dir,
		Stdin:  stdin,
		Stdout: &stdout,
		Env: []string{
			"LC_ALL=C",              // push's answers are read
			"GIT_TERMINAL_PROMPT=0", // a missing password is an error, not a question
			"GIT_LFS_SKIP_SMUDGE=1",
			"GIT_AUTHOR_NAME=" + r.name, "GIT_AUTHOR_EMAIL=" + r.email,
			"GIT_COMMITTER_NAME=" + r.name, "GIT_COMMITTER_EMAIL=" + r.email,
		},
	}
	if r.scratch != "" {
		// What is thrown away need not outlive a power cut, nor be kept tidy.
		c.Args = append([]string{"-c", "core.fsync=none", "-c", "fastimport.unpackLimit=1"}, args...)
	}
	if origin := httpOrigin(r.remote); r.o.Token != "" && origin != "" && asksServer[verb(args)] {
		if host, plain := strings.CutPrefix(origin, "http://"); plain && !Loopback(host) {
			return nil, exit.BadInputf("repository %q: the token would cross the network readable; use https", redact(r.remote))
		}
		// --config-env names a variable, so that no argument list shows the token,
		// and for this origin only, so that no redirect carries it elsewhere. The
		// empty value first drops a header that actions/checkout left in the
		// configuration: GitHub refuses a request with two.
		key := "http." + origin + "/.extraheader"
		c.Args = append([]string{"-c", key + "=", "--config-env=" + key + "=" + tokenEnv}, c.Args...)
		c.Env = append(c.Env, tokenEnv+"="+r.header())
	}
	if asksAlone[verb(args)] {
		c.Args = append([]string{"-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=" + stall}, c.Args...)
	}
	ask := func() error {
		r.o.Log.Debug("git", "args", args, "dir", r.dir)
		stdout.Reset()
		if again, ok := stdin.(io.Seeker); ok { // a try that failed has read it
			if _, err := again.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
		res, err := r.o.Runner.Run(ctx, c)
		if err != nil {
			return &gitError{verb: verb(args), output: r.scrub(res.Stdout + "\n" + res.Stderr), cause: err}
		}
		return nil
	}
	var err error
	if asksAlone[verb(args)] {
		err = r.again(ctx, ask)
	} else {
		err = ask()
	}
	return stdout.Bytes(), err
}

// verb is the git command in its arguments.
func verb(args []string) string {
	for len(args) > 2 && args[0] == "-c" {
		args = args[2:]
	}
	return args[0]
}

func (r *Repo) header() string {
	// GitHub takes any user name with a token; this one is what it documents.
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+r.o.Token))
}

// scrub takes the token out of foreign text.
func (r *Repo) scrub(s string) string {
	if r.o.Token == "" {
		return s
	}
	_, encoded, _ := strings.Cut(r.header(), "Basic ")
	return strings.NewReplacer(r.o.Token, "***", encoded, "***").Replace(s)
}

// httpOrigin is scheme and host of an HTTP URL, or "".
func httpOrigin(remote string) string {
	u, err := url.Parse(remote)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Loopback reports that an address, with a port or without, is this machine's own.
func Loopback(address string) bool {
	u := url.URL{Host: address}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// gitError says why a git command failed, in git's own words.
type gitError struct {
	verb   string
	output string
	cause  error
}

func (e *gitError) Error() string {
	var said []string
	last := "" // ssh says why in a line of its own, before git says that it could not read
	for line := range strings.Lines(e.output) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "fatal: Could not read from remote repository") && last != "" {
			said = append(said, last)
		}
		// Git's cause is in these; the rest is advice for a person at a keyboard.
		for _, prefix := range []string{"fatal:", "error:", "remote:", "!"} {
			if text, ok := strings.CutPrefix(line, prefix); ok {
				if text = strings.Join(strings.Fields(text), " "); text != "" {
					said = append(said, text)
				}
				break
			}
		}
		last = line
	}
	if len(said) == 0 {
		return fmt.Sprintf("git %s: %v", e.verb, e.cause)
	}
	return fmt.Sprintf("git %s: %s", e.verb, strings.Join(said, "; "))
}

func (e *gitError) Unwrap() error { return e.cause }
