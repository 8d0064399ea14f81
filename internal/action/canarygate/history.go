package canarygate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Release is a release of the past: while two revisions of a Rollout ran.
type Release struct {
	Start, End time.Time
	Hash       string // of the revision that was released
	Stable     string // of the one that it was to replace; empty when none is known
	Outcome    string // what became of it
}

// The outcomes of a [Release].
const (
	Promoted  = "promoted"   // the revision before it went away
	TakenBack = "taken back" // it went away itself: aborted, or replaced in the middle
	UnderWay  = "under way"
	Given     = "given" // somebody named the window
)

const (
	// historyStep is how closely the past is looked at. kube-state-metrics is
	// scraped every 30 s by the usual charts, so a smaller one sees no more.
	historyStep = 30 * time.Second
	// historyPoints is Prometheus' most for one answer.
	historyPoints = 11_000
	// historyGap is a silence that ends nothing: kube-state-metrics restarts, and
	// Prometheus itself looks back 5 minutes.
	historyGap = 5 * time.Minute
)

// ParseRelease reads START/END[/HASH[/STABLE]], the times as RFC 3339 has them.
func ParseRelease(s string) (Release, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 4 {
		return Release{}, fmt.Errorf("it must be START/END, START/END/HASH or START/END/HASH/STABLE")
	}
	r := Release{Outcome: Given}
	for i, at := range []*time.Time{&r.Start, &r.End} {
		var err error
		if *at, err = time.Parse(time.RFC3339, parts[i]); err != nil {
			return Release{}, fmt.Errorf("%q is no time such as 2026-11-23T10:00:00Z", parts[i])
		}
	}
	if !r.End.After(r.Start) {
		return Release{}, fmt.Errorf("its end is not after its start")
	}
	for i, hash := range []*string{&r.Hash, &r.Stable} {
		if i+2 < len(parts) {
			*hash = parts[i+2]
		}
	}
	return r, nil
}

// history asks Prometheus for the releases of a Rollout: kube-state-metrics says
// which of its ReplicaSets were scaled up when, and their names end with the hash.
// Argo Rollouts' own metrics name no revision.
func history(ctx context.Context, prom prometheus, namespace, name string, from, to time.Time) ([]Release, error) {
	query := fmt.Sprintf(`max by (replicaset) (kube_replicaset_spec_replicas{namespace=%q} > 0 and on (namespace, replicaset) kube_replicaset_owner{namespace=%q,owner_kind="Rollout",owner_name=%q})`,
		namespace, namespace, name)
	up := map[string][]time.Time{}
	from = from.Truncate(historyStep) // the same moments whenever it is asked
	for start := from; start.Before(to); start = start.Add(historyPoints * historyStep) {
		end := start.Add((historyPoints - 1) * historyStep)
		if end.After(to) {
			end = to
		}
		r, err := prom.QueryRange(ctx, query, start, end, historyStep)
		if err != nil {
			return nil, fmt.Errorf("look for the releases of Rollout %s/%s: %w", namespace, name, err)
		}
		for _, s := range r.Series {
			hash := strings.TrimPrefix(s.Labels["replicaset"], name+"-")
			for _, p := range s.Points {
				up[hash] = append(up[hash], p.Time)
			}
		}
	}
	return releasesOf(up, from, to), nil
}

// stretch is a time during which a revision was scaled up without a break.
type stretch struct {
	hash       string
	start, end time.Time
}

// releasesOf finds the releases in the moments at which each revision was up:
// one begins when a revision comes up beside another, and ends when either is gone.
func releasesOf(up map[string][]time.Time, from, to time.Time) []Release {
	var all []stretch
	for hash, moments := range up {
		s := stretch{hash, moments[0], moments[0]}
		for _, at := range moments[1:] {
			if at.Sub(s.end) > historyGap {
				all = append(all, s)
				s.start = at
			}
			s.end = at
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b stretch) int {
		return cmp.Or(a.start.Compare(b.start), strings.Compare(a.hash, b.hash))
	})
	var out []Release
	for i, s := range all {
		if s.start.Sub(from) < historyStep { // it was there before
			continue
		}
		r := Release{Start: s.start, End: s.end, Hash: s.hash, Outcome: TakenBack}
		if to.Sub(s.end) < historyStep {
			r.Outcome = UnderWay
		}
		var gone time.Time // the last of the others
		for _, other := range all[:i] {
			if other.end.Before(s.start) {
				continue
			}
			if r.Stable == "" {
				r.Stable = other.hash // the oldest
			}
			if other.end.After(gone) {
				gone = other.end
			}
		}
		if r.Stable == "" { // the first one replaces nothing: Argo skips its steps
			continue
		}
		if gone.Before(s.end) {
			r.End, r.Outcome = gone, Promoted
		}
		out = append(out, r)
	}
	return out
}
