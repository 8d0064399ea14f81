package buildpush

import (
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/buenhyden/hy-home/internal/builder"
	"github.com/buenhyden/hy-home/internal/buildlog"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/imagetag"
	"github.com/buenhyden/hy-home/internal/registry"
)

// newJob checks everything that can be judged without asking anybody.
func newJob(o Options) (*job, error) {
	o = o.complete()
	if err := o.takeReferences(); err != nil {
		return nil, err
	}
	repo, err := registry.ParseRepository("image", o.Image)
	if err != nil {
		return nil, err
	}
	j := &job{o: o, repo: repo, res: Result{Image: o.Image}, log: &buildlog.Log{Now: o.Now}}
	// Once without the commit, so that a wrong rule is told before anybody is asked.
	if err := j.makeTags(Source{}); err != nil {
		return nil, err
	}
	if err := j.makeLabels(Source{}, ""); err != nil {
		return nil, err
	}
	if (o.Credentials.Username == "") != (o.Credentials.Password == "") {
		return nil, o.ofFork(exit.BadInputf("inputs username and password belong together: give both, or neither to use Docker's configuration"))
	}
	if o.Epoch != "" && o.Epoch != NoEpoch {
		if n, err := strconv.ParseInt(o.Epoch, 10, 64); err != nil || n < 0 {
			return nil, exit.BadInputf("input source-date-epoch is %q: write seconds since 1970, %s, or nothing for the commit's date", o.Epoch, NoEpoch)
		}
	}
	if o.Features.Call != "" && (len(o.Merge) > 0 || o.Sign != nil) {
		return nil, exit.BadInputf("input call asks about the Dockerfile and makes no image: leave it out with merge and sign")
	}
	if o.Sign != nil && !o.Push {
		return nil, exit.BadInputf("input sign signs what is in the registry: leave it out with push: false")
	}
	if j.calls() {
		j.o.Push, j.res.Tags = false, nil
	}
	if j.merges() {
		return j, j.checkMerge()
	}
	j.want = expected{platforms: o.Features.Platforms, predicates: o.Features.Predicates()}
	j.asks = j.order()
	if err := j.asks.CheckContext(); err != nil {
		return nil, err
	}
	return j, j.asks.Check()
}

// ofFork adds to a login that is refused why no other can be given.
func (o Options) ofFork(err error) error {
	if !o.Fork || exit.Code(err) != exit.BadInput {
		return err
	}
	return exit.BadInputf("%w; this is a pull request from a fork, to which GitHub gives no secrets and a token that only reads: set input push to false for it", err)
}

// takeReferences makes tags of whole references, as docker/build-push-action has them,
// and takes the repository from them where none is given.
func (o *Options) takeReferences() error {
	var tags []string
	for _, rule := range o.Tags {
		if strings.ContainsAny(rule, "={") { // of docker/metadata-action
			tags = append(tags, rule)
			continue
		}
		for word := range strings.SplitSeq(rule, ",") {
			word = strings.TrimSpace(word)
			i := strings.LastIndex(word, ":")
			if i < 0 {
				tags = append(tags, word)
				continue
			}
			if o.Image == "" {
				o.Image = word[:i]
			}
			if word[:i] != o.Image {
				return exit.BadInputf("input tags holds %q, and the repository is %s: one step pushes to one repository, so push to the other by a second step", word, o.Image)
			}
			tags = append(tags, word[i+1:])
		}
	}
	o.Tags = tags
	return nil
}

// patience is how long the registry's passing faults may hold up a whole run.
const patience = 2 * time.Minute

// complete fills in what may be left out.
func (o Options) complete() Options {
	progress, telling := o.Progress, new(sync.Mutex) // of parts that run at once
	o.Progress = func(text string) {
		telling.Lock()
		defer telling.Unlock()
		if progress != nil {
			progress(text)
		}
	}
	if o.BuildLog == nil {
		o.BuildLog = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.logins = &registry.Logins{}
	if o.Registry == nil {
		o.Registry = registry.Client{Credentials: o.Credentials, Transport: registry.Retrying{Budget: registry.NewBudget(patience)}, Logins: o.logins}
	}
	o.Event.Now = o.Now()
	return o
}

// event is what happened, to the commit that is built.
func (j *job) event(s Source) imagetag.Event {
	e := j.o.Event
	if builder.IsRemote(j.o.Context) && e.Repository.URL != s.URL {
		e.SHA, e.Repository = "", imagetag.Repository{} // of another repository
	}
	if s.Revision != "" {
		e.SHA = s.Revision
	}
	e.CommitDate = s.Created
	if e.Repository.URL == "" {
		e.Repository.URL = s.URL
	}
	return e
}

// makeTags applies the rules to the event.
func (j *job) makeTags(s Source) error {
	if len(j.o.Tags) == 0 {
		j.res.Tags = []string{s.tag()}
		return nil
	}
	e := j.event(s)
	e.SHA, _, _ = strings.Cut(e.SHA, "-")
	made, err := imagetag.Make(j.o.Tags, j.o.Flavor, e)
	if err != nil {
		return exit.BadInputf("input tags: %v", err)
	}
	for _, tag := range made.All {
		if err := registry.CheckTag("tags", tag); err != nil {
			return err
		}
	}
	j.res.Tags, j.made = made.All, made.Warnings
	return nil
}

// makeLabels makes labels, and annotations if there are to be any.
func (j *job) makeLabels(s Source, version string) (err error) {
	e := j.event(s)
	if j.res.Labels, err = imagetag.Labels(j.o.Labels, version, e); err != nil {
		return exit.BadInputf("input labels: %v", err)
	}
	levels := j.o.Levels
	switch {
	case len(levels) == 0 && len(j.o.Annotations) == 0:
		return nil
	case len(levels) == 0:
		levels = []string{"manifest"}
	}
	if j.res.Annotations, err = imagetag.Annotations(j.o.Annotations, levels, version, e); err != nil {
		return exit.BadInputf("input annotations: %v", err)
	}
	return nil
}

// epoch is SOURCE_DATE_EPOCH; "" when there is none.
func (j *job) epoch() string {
	switch j.o.Epoch {
	case "":
		return j.res.Source.epoch()
	case NoEpoch:
		return ""
	}
	return j.o.Epoch
}
