package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

// pollEvery is the time between two looks at the engine: half of it is added to
// every wait, and a look costs the engine about 1 ms per container.
const pollEvery = 250 * time.Millisecond

// wait polls the engine until every container of the project is up. It ends at
// the first that is wrong for good, with its last words.
func wait(ctx context.Context, cli *client.Client, project *types.Project, progress func(string)) error {
	said, looks := "", checkups{}
	for {
		cs, err := containers(ctx, cli, project.Name)
		if err != nil {
			return err
		}
		looks.run(ctx, cli, cs)
		now, ready, pending, late := time.Now(), 0, "", state{}
		for _, s := range cs {
			if why := s.fault(); why != "" {
				return fmt.Errorf("%s%s", why, lastWords(ctx, cli, s))
			}
			if ok, why := s.up(now); ok {
				ready++
			} else {
				pending, late = why, s
			}
		}
		if ready == size(project) {
			return nil
		}
		if text := fmt.Sprintf("%d of %d up, %s", ready, size(project), pending); text != said {
			progress(text)
			said = text
		}
		if err := sleep(ctx, pollEvery); err != nil {
			if errors.Is(err, context.Canceled) {
				return err
			}
			words, cancel := context.WithTimeout(context.WithoutCancel(ctx), wordsTimeout)
			defer cancel()
			return fmt.Errorf("%d of %d containers are up, %s%s", ready, size(project), pending, lastWords(words, cli, late))
		}
	}
}

// wordsTimeout bounds the search for a cause when the time is up already.
const wordsTimeout = 3 * time.Second

// lastWords is the end of a container's output, as a part of an error.
func lastWords(ctx context.Context, cli *client.Client, s state) string {
	r, err := cli.ContainerLogs(ctx, s.id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "5"})
	if err != nil {
		return ""
	}
	defer r.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, r); err != nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return ": " + strings.Join(lines, " | ")
}

// passingFaults are what registries and networks say on a bad day; the same
// request has been seen to work a moment later.
var passingFaults = regexp.MustCompile(`(?i)timeout|timed out|connection (reset|refused)|unexpected EOF|EOF$|broken pipe|too ?many ?requests|temporary failure|server misbehaving|50[0234] (internal|bad|service|gateway)|status(?: code)?:? 50[0234]|GOAWAY`)

// finalFaults decide first: what the registry or the engine refused stays refused.
var finalFaults = regexp.MustCompile(`(?i)unhealthy|not found|manifest unknown|no space left|port is already allocated|address already in use|pull access denied`)

// passing reports that trying again may help: a failed pull, most of all.
func passing(err error) bool {
	return err != nil && !finalFaults.MatchString(err.Error()) && passingFaults.MatchString(err.Error())
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
