package buildpush

import (
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
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
	repo, err := registry.ParseRepository("image", o.Image)
	if err != nil {
		return nil, err
	}
	for i, rule := range o.Tags {
		// docker/build-push-action takes whole references.
		o.Tags[i] = strings.TrimPrefix(rule, o.Image+":")
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
		return nil, exit.BadInputf("inputs username and password belong together: give both, or neither to use Docker's configuration")
	}
	if o.Epoch != "" && o.Epoch != NoEpoch {
		if n, err := strconv.ParseInt(o.Epoch, 10, 64); err != nil || n < 0 {
			return nil, exit.BadInputf("input source-date-epoch is %q: write seconds since 1970, %s, or nothing for the commit's date", o.Epoch, NoEpoch)
		}
	}
	if o.Sign != nil && !o.Push {
		return nil, exit.BadInputf("input sign signs what is in the registry: leave it out with push: false")
	}
	if j.merges() {
		return j, j.checkMerge()
	}
	j.want = expected{platforms: o.Features.Platforms, predicates: o.Features.Predicates()}
	order := j.order()
	if err := order.CheckContext(); err != nil {
		return nil, err
	}
	return j, order.Check()
}

// patience is how long the registry's passing faults may hold up a whole run.
const patience = 2 * time.Minute

// complete fills in what may be left out.
func (o Options) complete() Options {
	if o.Progress == nil {
		o.Progress = func(string) {}
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
	if o.Registry == nil {
		o.Registry = registry.Client{Credentials: o.Credentials, Transport: registry.Retrying{Budget: registry.NewBudget(patience)}}
	}
	o.Event.Now = o.Now()
	o.Tags = slices.Clone(o.Tags)
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
