// Package canarygate judges a release by what its canary does.
//
// It watches one Argo Rollout for an expected image, measures one Prometheus
// query meanwhile, and answers with a verdict: passed, failed or inconclusive.
// The rule is evidence, not hope. Passed means that this very revision is healthy
// and fully promoted and that measurements say it is good. Whatever cannot be
// known (no data, a Prometheus or a cluster that does not answer, no end in time)
// is inconclusive, never a pass.
package canarygate

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/gatefile"
	"github.com/buenhyden/hy-home/internal/judge"
	"github.com/buenhyden/hy-home/internal/pattern"
	"github.com/buenhyden/hy-home/internal/promql"
	"github.com/buenhyden/hy-home/internal/rollout"
)

// Options is what a caller decides. The zero durations and counts stand for the
// defaults named here.
type Options struct {
	Rollout   string // namespace/name; required
	Image     string // reference with a tag or a digest that the revision must run; required
	Container string // container that must run it; empty means any

	ExpectRevision string // commit of the infra repository that Argo CD must have applied; may stand in place of Image
	Application    string // namespace/name of the Application that applies it; goes with ExpectRevision

	Kubeconfig string // path, or several joined by the system's list separator; required
	Context    string // of the kubeconfig; empty means its current one

	Prometheus       string // URL, or service:namespace/name:port; goes with Query
	Query            string // PromQL; {{pod-hash}}, {{namespace}} and {{rollout}} are filled in
	Condition        string // when a result is good, in Argo's expression language
	FailureCondition string // when a result is bad; with both, neither true is no answer

	Interval     time.Duration // between two measurements; 10s
	Measurements int           // good ones needed for a pass; 3
	FailureLimit int           // failed ones that are put up with; 0

	Timeout       time.Duration // for the whole gate; 10m
	AppearTimeout time.Duration // until the Rollout must exist; 1m

	Gate    gatefile.File     // checks beside or in place of Query; goes with Prometheus
	Headers map[string]string // for Prometheus: a token, a tenant

	HTTPConfig string // for Prometheus, in the form of its http_client_config: credentials, TLS

	RequireAnalysis bool          // AnalysisRuns of the revision must have measured something good, each
	Until           string        // healthy, paused or step:N; healthy
	Grace           time.Duration // how long a pod may be unable to start; 5s
	DeadlineGrace   time.Duration // how long it may take to recover from a missed progress deadline; none
	OnFail          string        // none, abort or pause, while it is still under way; none
	OnPass          string        // none or promote, out of the pause that Until waited for; none

	Mask     func(string) // hides a secret that was read, before its first use; may be nil
	Progress func(string) // one line of what is seen now; may be nil
	Log      *slog.Logger // debug output; may be nil
}

// plan is Options, checked and parsed.
type plan struct {
	Options
	namespace, name string
	appNamespace    string
	appName         string
	image           rollout.Image
	target          promql.Target
	http            promql.HTTPConfig
	checks          []*check
	pass, marginal  float64
	until           rollout.Target
}

// unanswered is how many measurements in a row may have no answer once the
// Rollout is healthy. It is Argo's default for consecutiveErrorLimit.
const unanswered = 4

// Check refuses options that no gate can begin with, before anything is asked.
func (o Options) Check() error {
	_, err := o.check()
	return err
}

var kubernetesName = pattern.New(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// check parses the options. The first fault is bad input.
func (o Options) check() (plan, error) {
	p := plan{Options: o}
	if err := p.checkRollout(); err != nil {
		return plan{}, err
	}
	var err error
	if err := p.checkRevision(); err != nil {
		return plan{}, err
	}
	if o.Image == "" && o.ExpectRevision != "" {
		// Any image, once the Application is at the commit.
	} else if o.Image == "" {
		return plan{}, exit.BadInputf("input image is required, unless expect-revision says which release it is")
	} else if p.image, err = rollout.ParseImage(o.Image); err != nil {
		return plan{}, exit.BadInputf("input image is %q: it must be a reference with a tag or a digest, such as ghcr.io/owner/app:v1.2.3 (%w)", o.Image, err)
	}
	if o.Kubeconfig == "" {
		return plan{}, exit.BadInputf("no kubeconfig is known: set input kubeconfig or the variable KUBECONFIG to its path")
	}
	if err := p.checkQuery(); err != nil {
		return plan{}, err
	}
	if err := p.checkCourse(); err != nil {
		return plan{}, err
	}
	p.Grace = cmp.Or(o.Grace, 5*time.Second)
	p.Timeout, p.AppearTimeout = cmp.Or(o.Timeout, 10*time.Minute), cmp.Or(o.AppearTimeout, time.Minute)
	if p.Progress == nil {
		p.Progress = func(string) {}
	}
	if p.Mask == nil {
		p.Mask = func(string) {}
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return p, nil
}

func (p *plan) checkRollout() error {
	var ok bool
	if p.namespace, p.name, ok = strings.Cut(p.Rollout, "/"); !ok || !kubernetesName.MatchString(p.namespace) || !kubernetesName.MatchString(p.name) {
		return exit.BadInputf("input rollout is %q: it must be namespace/name, such as apps/backend", p.Rollout)
	}
	return nil
}

var commit = pattern.New(`^[0-9a-f]{7,64}$`)

// checkRevision parses the commit and the Application that applies it.
func (p *plan) checkRevision() error {
	if p.ExpectRevision == "" && p.Application == "" {
		return nil
	}
	if !commit.MatchString(p.ExpectRevision) {
		return exit.BadInputf("input expect-revision is %q: it must be a commit of the infra repository, at least 7 digits of it", p.ExpectRevision)
	}
	var ok bool
	if p.appNamespace, p.appName, ok = strings.Cut(p.Application, "/"); !ok || !kubernetesName.MatchString(p.appNamespace) || !kubernetesName.MatchString(p.appName) {
		return exit.BadInputf("input application is %q: with expect-revision it must be namespace/name of the Argo CD Application, such as argocd/backend", p.Application)
	}
	return nil
}

// checkCourse parses how far the Rollout shall come, and what is done then.
func (p *plan) checkCourse() error {
	var err error
	if p.until, err = rollout.ParseTarget(p.Until); err != nil {
		return exit.BadInputf("input until is %q: %w", p.Until, err)
	}
	p.OnFail, p.OnPass = cmp.Or(p.OnFail, "none"), cmp.Or(p.OnPass, "none")
	if !slices.Contains([]string{"none", "abort", "pause"}, p.OnFail) {
		return exit.BadInputf("input on-fail is %q: it must be none, abort or pause", p.OnFail)
	}
	if p.OnPass != "none" && p.OnPass != "promote" {
		return exit.BadInputf("input on-pass is %q: it must be none or promote", p.OnPass)
	}
	if p.OnPass == "promote" && p.until == (rollout.Target{}) {
		return exit.BadInputf("input on-pass is promote, but until is healthy: there is nothing left to promote then, set until to paused or step:N")
	}
	p.pass, p.marginal = 100, 100
	if p.Gate.Pass != nil {
		p.pass, p.marginal = *p.Gate.Pass, *p.Gate.Marginal
	}
	return nil
}

func (p *plan) checkQuery() error {
	conditions := p.Condition + p.FailureCondition
	var err error
	if p.checks, err = newChecks(p.Gate); err != nil {
		return exit.BadInputf("the gate file is not valid: %w", err)
	}
	if p.http, err = promql.ParseHTTPConfig(p.HTTPConfig); err != nil {
		return exit.BadInputf("input prometheus-http-config is not valid: %w", err)
	}
	if p.Prometheus == "" && len(p.checks) > 0 {
		p.Prometheus = p.Gate.Prometheus
	}
	switch {
	case p.Query == "" && conditions == "" && len(p.checks) > 0:
		return p.checkTargets()
	case p.Query == "" && p.Prometheus == "" && conditions == "":
		return nil
	case p.Query == "":
		return exit.BadInputf("input query is empty although input prometheus or a condition is set: give the PromQL query to judge by, or none of them")
	case p.Prometheus == "":
		return exit.BadInputf("input prometheus is empty although input query is set: give a URL or service:namespace/name:port")
	case conditions == "":
		return exit.BadInputf("input condition is empty although input query is set: say when a result is good, such as result[0] < 0.05")
	}
	if _, err = promql.ParseTemplate(p.Query); err != nil {
		return exit.BadInputf("input query is %q: %w", p.Query, err)
	}
	if _, err = judge.Compile(p.Condition, p.FailureCondition); err != nil {
		return exit.BadInputf("input condition is not valid in Argo's expression language: %w", err)
	}
	query, err := newCheck(p.ownCheck())
	if err != nil {
		return exit.BadInputf("input query: %w", err)
	}
	query.result.Own = true
	p.checks = append([]*check{query}, p.checks...)
	return p.checkTargets()
}

// ownCheck is the query of the inputs as a check: its failure fails all, and it
// has no part in the score of the gate file's.
func (p *plan) ownCheck() gatefile.Check {
	weight, critical := 0.0, true
	return gatefile.Check{
		Name: "query", Query: p.Query, Condition: p.Condition, FailureCondition: p.FailureCondition, Weight: &weight, Critical: &critical,
		Interval:   gatefile.Duration(cmp.Or(p.Interval, 10*time.Second)),
		MinSamples: cmp.Or(p.Measurements, 3), FailureLimit: p.FailureLimit,
	}
}

// checkTargets finds where each query is asked: at the Prometheus that the input
// names, else the gate file; only without either at the address of a template.
func (p *plan) checkTargets() (err error) {
	if p.Prometheus != "" {
		if p.target, err = promql.ParseTarget(p.Prometheus); err != nil {
			return exit.BadInputf("input prometheus is not valid: %w", err) // its value may hold credentials
		}
		return nil
	}
	for _, c := range p.checks {
		if c.Metric == nil || c.Metric.Address == "" {
			return exit.BadInputf("input prometheus is empty, and nothing says where check %q is asked: give a URL or service:namespace/name:port", c.Name)
		}
		if c.target, err = promql.ParseAddress(c.Metric.Address); err != nil {
			return exit.BadInputf("the address in the template of check %q is not valid: %w", c.Name, err)
		}
	}
	return nil
}
