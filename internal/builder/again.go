package builder

import (
	"context"
	"time"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// A build and a push are tried up to three times, as long as what went before took less
// than a minute together: the engine itself tries the upload of a layer for nearly as long.
// What is built comes from the cache then, and what is in the registry stays there.
const (
	attempts = 3
	patience = time.Minute
)

// pauses are between the attempts.
var pauses = [attempts - 1]time.Duration{2 * time.Second, 6 * time.Second}

// passing is how the builders and the engine name a fault of a registry that the next
// attempt may not meet.
var passing = pattern.New(`(?i)unknown blob|blob unknown|blob upload (unknown|invalid)|blob_(upload_)?(unknown|invalid)|toomanyrequests|too many requests|` +
	`(status|status code|from \w+ request to \S+):? (code )?(429|50[0234])\b|connection reset by peer|broken pipe|unexpected eof|\beof$|tls handshake timeout|i/o timeout`)

// ofTheBuild is a failure of a command of the Dockerfile, whatever its text says.
var ofTheBuild = pattern.New(`did not complete successfully|returned a non-zero code|executor failed running`)

// passes reports whether what is told of a failure, which ends with the line that says
// why, names such a fault.
func passes(told string) bool { return passing.MatchString(told) && !ofTheBuild.MatchString(told) }

// again does what may fail for a while, and says so.
func (b *build) again(ctx context.Context, do func() error) error {
	start := time.Now()
	for n := 0; ; n++ {
		err := do()
		if err == nil || ctx.Err() != nil || n == len(pauses) || time.Since(start) > patience || !passes(err.Error()) {
			return err
		}
		b.say("trying again, as this may pass: " + err.Error())
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pauses[n]):
		}
	}
}
