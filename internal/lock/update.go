package lock

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// ErrUnreachable marks the answer about an image whose registry cannot be asked.
var ErrUnreachable = errors.New("registry not in reach")

// Sources are who is asked for what the catalog does not say. Both answer with
// [ErrUnreachable] when they do not get through.
type Sources struct {
	Image func(ref string) (Image, error)
	Chart func(c Chart) (digest string, err error) // of a chart in a repository
}

// Update makes the lock anew from the catalog: charts of its own from their
// files, the others and the images from what the sources answer. What is not in
// reach keeps what the old lock says, and is returned in kept; any other error
// ends the update.
func Update(cat catalog.Catalog, old Lock, ask Sources) (updated Lock, kept []string, err error) {
	updated, err = Of(cat)
	if err != nil {
		return old, nil, err
	}
	updated.Head = old.Head
	for n, want := range updated.Images {
		answer, err := ask.Image(want.Ref)
		if errors.Is(err, ErrUnreachable) {
			kept = append(kept, want.Ref)
			if have, ok := old.Image(want.Ref); ok && (want.Digest == "" || want.Digest == have.Digest) {
				updated.Images[n] = have
			}
			continue
		}
		if err != nil {
			return old, nil, err
		}
		if want.Digest != "" && answer.Digest != want.Digest {
			return old, nil, fmt.Errorf("image %s: the catalog names digest %s, its registry answers %s: change the catalog first", want.Ref, want.Digest, answer.Digest)
		}
		updated.Images[n] = Image{Ref: want.Ref, Digest: answer.Digest, Size: answer.Size}
	}
	for n, want := range updated.Charts {
		if want.Repository == "" {
			continue
		}
		updated.Charts[n].Digest, err = ask.Chart(want)
		if errors.Is(err, ErrUnreachable) {
			kept = append(kept, want.Repository+"/"+want.Name)
			updated.Charts[n].Digest = old.sameChart(want).Digest
			continue
		}
		if err != nil {
			return old, nil, err
		}
	}
	return updated, kept, nil
}

// sameChart is what a lock knows of the same version of the same chart.
func (l Lock) sameChart(c Chart) Chart {
	for _, have := range l.Charts {
		c.Digest = have.Digest
		if have == c {
			return have
		}
	}
	return Chart{}
}

// Of is what the catalog alone tells: its charts, and its images with the
// digests that are written in it.
func Of(cat catalog.Catalog) (Lock, error) {
	var l Lock
	for _, c := range cat.Components {
		chart, ok, err := ChartOf(c)
		if err != nil {
			return Lock{}, err
		}
		if ok {
			l.Charts = append(l.Charts, chart)
		}
		for _, ref := range images(c) {
			name, digest, _ := strings.Cut(Normal(ref), "@")
			i := slices.IndexFunc(l.Images, func(i Image) bool { return i.Ref == name })
			switch {
			case i < 0:
				l.Images = append(l.Images, Image{Ref: name, Digest: digest})
			case l.Images[i].Digest == "":
				l.Images[i].Digest = digest
			case digest != "" && digest != l.Images[i].Digest:
				return Lock{}, fmt.Errorf("component %s: image %s has digest %s, another component has %s", c.Name, name, digest, l.Images[i].Digest)
			}
		}
	}
	l.sort()
	return l, nil
}

// images are those of a component at all of its sizes.
func images(c catalog.Component) []string {
	var refs []string
	for _, size := range c.Sizes() {
		sized, _ := c.Sized(size) // it is one of them
		refs = append(refs, sized.Images...)
	}
	return refs
}

// Change is one difference between two locks.
type Change struct {
	What string // "image" or "chart"
	Name string
	From string // "" where it is new
	To   string // "" where it is gone
}

// Diff lists what differs, by kind and name.
func Diff(old, updated Lock) []Change {
	from, to := old.lines(), updated.lines()
	var changes []Change
	for key := range to {
		if from[key] != to[key] {
			changes = append(changes, Change{key.What, key.Name, from[key], to[key]})
		}
	}
	for key := range from {
		if _, ok := to[key]; !ok {
			changes = append(changes, Change{key.What, key.Name, from[key], ""})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Name, b.Name))
	})
	return changes
}

// lines are the entries as people read them, by what they are about.
func (l Lock) lines() map[Change]string {
	lines := map[Change]string{}
	for _, c := range l.Charts {
		lines[Change{What: "chart", Name: c.Component}] = c.Name + " " + c.Version + " " + c.Digest
	}
	for _, i := range l.Images {
		lines[Change{What: "image", Name: i.Ref}] = strings.TrimSpace(cmp.Or(i.Digest, "unknown") + " " + size(i.Size))
	}
	return lines
}

func size(n int64) string {
	if n == 0 {
		return ""
	}
	return catalog.Bytes(n).String()
}
