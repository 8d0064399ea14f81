package buildpush

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/run"
)

// Source is where the image comes from. It is zero outside of a Git repository.
type Source struct {
	Revision string // full SHA; with "-dirty" when the context differs from the commit
	URL      string
	Created  time.Time // the commit's date, not now: the same commit makes the same labels
}

// source is what is known of where the context comes from: its commit, or the address
// by which the builder fetches it.
func (j *job) source(ctx context.Context) Source {
	if !builder.IsRemote(j.o.Context) {
		return readSource(ctx, j.o.Runner, j.o.Context)
	}
	repository, ref := builder.GitRepository(j.o.Context)
	s := Source{URL: repository}
	if commit.MatchString(ref) {
		s.Revision = ref
	}
	return s
}

var commit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// readSource asks Git about the context. What cannot be known is left out: an
// image without these labels works as well.
func readSource(ctx context.Context, runner run.Runner, dir string) Source {
	git := func(args ...string) (string, bool) {
		res, err := runner.Run(ctx, run.Cmd{Name: "git", Args: args, Dir: dir})
		return strings.TrimSpace(res.Stdout), err == nil
	}
	var changes, origin string
	var changed, known bool
	var asked sync.WaitGroup // each takes the start of a process
	asked.Go(func() { changes, changed = git("status", "--porcelain", "--", ".") })
	asked.Go(func() { origin, known = git("remote", "get-url", "origin") })
	head, ok := git("log", "-1", "--format=%H %ct")
	asked.Wait()
	sha, seconds, both := strings.Cut(head, " ")
	if !ok || !both {
		return Source{}
	}
	s := Source{Revision: sha}
	if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
		s.Created = time.Unix(n, 0).UTC()
	}
	if changed && changes != "" {
		s.Revision += "-dirty"
	}
	if known {
		s.URL = publicURL(origin)
	}
	return s
}

// publicURL makes of a remote what a browser opens, without user and password;
// "" when it is no address of a server.
func publicURL(remote string) string {
	if host, path, ok := strings.Cut(strings.TrimPrefix(remote, "git@"), ":"); ok && strings.HasPrefix(remote, "git@") && !strings.HasPrefix(path, "/") {
		remote = "https://" + host + "/" + path
	}
	u, err := url.Parse(remote)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "ssh"}, u.Scheme) {
		return ""
	}
	if u.Scheme == "ssh" {
		u.Scheme, u.Host = "https", u.Hostname()
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return strings.TrimSuffix(u.String(), ".git")
}

// tag is the tag of an image for which none was asked: the full SHA, which no other
// commit will ever share.
func (s Source) tag() string {
	sha, dirty, _ := strings.Cut(s.Revision, "-")
	if sha == "" {
		return "latest"
	}
	if dirty != "" {
		dirty = "-" + dirty
	}
	return sha + dirty
}

// epoch is the commit's date as SOURCE_DATE_EPOCH wants it.
func (s Source) epoch() string {
	if s.Created.IsZero() {
		return ""
	}
	return strconv.FormatInt(s.Created.Unix(), 10)
}
