package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
)

// tries is how often one command asks a server that fails for the moment: 15 s at most
// with [pause]. That is the length of a restart; an outage is for whoever runs the job again.
const tries = 5

// stall is how many seconds an answer over HTTP may stand still: git itself waits without
// an end. A server at work on one says so every 5 s (uploadpack.keepAlive).
const stall = "60"

// asksAlone are the commands that change nothing over there and read nothing from us, so
// that they can be run again without a look. A push is another matter, see [Repo.push].
var asksAlone = map[string]bool{"clone": true, "fetch": true, "ls-remote": true}

// passing matches what git, curl and ssh print where the server, or the way to it, failed
// for the moment. "The remote end hung up" is not among it: git says so after a refusal too.
var passing = regexp.MustCompile(`returned error: (429|5\d\d)|HTTP (429|5\d\d)|early EOF|unexpected disconnect|` +
	`(?i:connection (was )?(reset|refused|closed)|timed out|operation too slow|could not resolve host|empty reply from server|error in the HTTP2 framing layer)`)

// isPassing reports whether a git command failed of such a cause.
func isPassing(err error) bool {
	var e *gitError
	return errors.As(err, &e) && passing.MatchString(e.output)
}

// pause before the next try: half a second to one, then twice as long each time, at random,
// so that those whom one restart has cut off do not all come back at once.
func pause(try int) time.Duration {
	return time.Duration((0.5 + rand.Float64()/2) * float64(time.Second<<(try-1)))
}

// again runs do until it says something else than that the server fails for the moment.
func (r *Repo) again(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !isPassing(err) || try == tries {
			return err
		}
		r.o.Progress(fmt.Sprintf("%v: trying again", err))
		if err := r.o.Wait(ctx, pause(try)); err != nil {
			return err
		}
	}
}

// remoteHead is where a branch of the remote is now, "" being nowhere.
func (r *Repo) remoteHead(ctx context.Context, branch string) (string, error) {
	out, err := r.git(ctx, nil, "ls-remote", "--", r.origin, "refs/heads/"+branch)
	sha, _, _ := strings.Cut(out, "\t")
	return sha, err
}
