package builder

import (
	"context"
	"regexp"
	"time"

	"github.com/buenhyden/hy-home/internal/run"
)

// A command is run up to three times, as long as what went before took less than a
// minute together: the engine itself tries the upload of a layer for nearly as long.
// What is built comes from the cache then, and what is in the registry stays there.
const (
	attempts = 3
	patience = time.Minute
)

// pauses are between the attempts.
var pauses = [attempts - 1]time.Duration{2 * time.Second, 6 * time.Second}

// passing is how the builders and the engine name a fault of a registry that the next
// attempt may not meet.
var passing = regexp.MustCompile(`(?i)unknown blob|blob unknown|blob upload (unknown|invalid)|blob_(upload_)?(unknown|invalid)|toomanyrequests|too many requests|` +
	`(status|status code|from \w+ request to \S+):? (code )?(429|50[0234])\b|connection reset by peer|broken pipe|unexpected eof|\beof$|tls handshake timeout|i/o timeout`)

// ofTheBuild is a failure of a command of the Dockerfile, whatever its text says.
var ofTheBuild = regexp.MustCompile(`did not complete successfully|returned a non-zero code|executor failed running`)

// passes reports whether the line that says why a command failed names such a fault.
func passes(cause string) bool { return passing.MatchString(cause) && !ofTheBuild.MatchString(cause) }

// again does what may fail for a while, and says so.
func again(ctx context.Context, say func(string), do func() (run.Result, error)) (run.Result, error) {
	start := time.Now()
	for n := 0; ; n++ {
		res, err := do()
		if err == nil || ctx.Err() != nil || n == len(pauses) || time.Since(start) > patience {
			return res, err
		}
		cause := causeLine(res.Stdout + "\n" + res.Stderr)
		if !passes(cause) {
			return res, err
		}
		say("trying again, as this may pass: " + cause)
		select {
		case <-ctx.Done():
			return res, err
		case <-time.After(pauses[n]):
		}
	}
}
