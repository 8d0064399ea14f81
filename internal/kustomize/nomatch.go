package kustomize

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/pkg/util"
	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/exit"
)

// everyImage refuses an image that reaches no container in any directory.
func (p *planner) everyImage(dirs []string, all []reach) error {
	for _, img := range p.Images {
		if !slices.ContainsFunc(all, func(r reach) bool { return len(r.places[img.Name]) > 0 }) {
			return p.noMatch(dirs, img)
		}
	}
	return nil
}

// noMatch makes the sentence for images that no manifest holds, with the names that an
// entry would match.
func (p *planner) noMatch(dirs []string, images ...Image) error {
	// Without their own entries, which would hide the names below them.
	texts := map[string][]byte{}
	for _, f := range p.files {
		var k types.Kustomization
		if err := k.Unmarshal(f.Before); err != nil {
			return exit.BadInputf("%s: %w", f.Path, err)
		}
		k.Images = slices.DeleteFunc(k.Images, func(e types.Image) bool {
			return slices.ContainsFunc(images, func(i Image) bool { return i.Name == e.Name })
		})
		text, err := sigsyaml.Marshal(k)
		if err != nil {
			return err
		}
		texts[f.Path] = text
	}
	// What held nothing but these entries renders no more: it has no containers.
	rendered, _ := p.render(dirs, func(f File) []byte { return texts[f.Path] })
	var names []string
	for _, objects := range rendered {
		for _, ref := range Images(objects) {
			name, _, _ := util.SplitImageName(ref)
			names = append(names, name)
		}
	}
	sortUnique(&names)
	var wanted, quoted []string
	for _, img := range images {
		wanted = append(wanted, strconv.Quote(img.Name))
	}
	for _, name := range names {
		quoted = append(quoted, strconv.Quote(name))
	}
	places := join(dirs, "or")
	if len(dirs) > 3 {
		places = "any of " + strconv.Itoa(len(dirs)) + " directories"
	}
	if len(names) == 0 {
		return exit.BadInputf("no-match: no container in %s uses image %s; it has no containers at all%s", places, join(wanted, "or"), p.componentHint())
	}
	hint := ""
	if near := nearest(images[0].Name, names); near != "" {
		hint = ": did you mean " + strconv.Quote(near) + "?"
	}
	return exit.BadInputf("no-match: no container in %s uses image %s; it uses %s%s", places, join(wanted, "or"), join(quoted, "and"), hint)
}

func (p *planner) componentHint() string {
	for _, f := range p.files {
		var k types.Kustomization
		if k.Unmarshal(f.Before) == nil && k.Kind == types.ComponentKind && len(p.Render) == 0 {
			return "; of a Component, name the overlays that use it as the directories to render"
		}
	}
	return ""
}

// join writes "a, b and c".
func join(items []string, word string) string {
	if n := len(items); n > 1 {
		return strings.Join(items[:n-1], ", ") + " " + word + " " + items[n-1]
	}
	return strings.Join(items, "")
}

// nearest is the name that was most likely meant: one that ends alike, else one that
// few typing errors away; "" if there is none.
func nearest(wanted string, names []string) string {
	for _, name := range names {
		if path.Base(name) == path.Base(wanted) {
			return name
		}
	}
	// The container's or the service's name in place of the image's (backend for
	// ghcr.io/acme/shop-backend) is the mistake that is made most.
	for _, name := range names {
		if base := path.Base(wanted); len(base) > 2 && strings.Contains(path.Base(name), base) {
			return name
		}
	}
	best, distance := "", len(wanted)/3+1
	for _, name := range names {
		if d := editDistance(wanted, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// editDistance counts the bytes to insert, drop or replace (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
