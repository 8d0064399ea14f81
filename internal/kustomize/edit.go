package kustomize

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Edit sets images in the text of a kustomization file and returns the new text;
// file itself is left alone. If nothing is to be done the result is equal to file.
//
// Only the lines of the images concerned change. A file that cannot be changed that
// way, because a part to be changed is in flow style or uses an anchor, alias or
// merge key, or stands there twice, is refused with a sentence that names the part.
func Edit(file []byte, images ...Image) ([]byte, error) {
	doc, err := parse(file)
	if err != nil {
		return nil, err
	}
	e := editor{src: newSource(file)}
	if err := e.document(doc, images); err != nil {
		return nil, err
	}
	edited, err := e.src.apply(e.edits)
	if err != nil {
		return nil, err
	}
	if err := verify(file, edited, images); err != nil {
		return nil, err
	}
	return edited, nil
}

// rewrite sets images by kustomize's own writer, for a file that [Edit] cannot
// splice. It keeps the meaning of the file, but not its comments and layout.
func rewrite(file []byte, images []Image) ([]byte, error) {
	edited, err := kustomizeEdit(file, images)
	if err != nil {
		return nil, err
	}
	return edited, verify(file, edited, images)
}

// parse reads the first document of a file; kustomize ignores any other.
func parse(file []byte) (*yaml.Node, error) {
	var doc yaml.Node
	err := yaml.NewDecoder(bytes.NewReader(file)).Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, exit.BadInputf("the kustomization file is empty")
	}
	if err != nil {
		return nil, exit.BadInputf("the kustomization file is not YAML: %w", err)
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, exit.BadInputf("line %d: a kustomization file holds a mapping, not a %s", root.Line, kindName(root))
	}
	return root, nil
}

// editor collects the byte edits that set images in one file.
type editor struct {
	src   *source
	edits []edit
}

func (e *editor) document(root *yaml.Node, images []Image) error {
	if _, old, err := field(root, "imageTags"); err != nil {
		return err
	} else if old != nil {
		return refuse(old, "the field imageTags is long deprecated; rename it to images")
	}
	key, list, err := field(root, "images")
	if err != nil {
		return err
	}
	add, err := e.entries(list, images)
	if err != nil || len(add) == 0 {
		return err
	}
	switch {
	case list == nil:
		if root.Style&yaml.FlowStyle != 0 {
			return refuse(root, "the file is in flow style {...}; write it in block style, one field a line")
		}
		return e.appendList(add)
	case isEmpty(list):
		return e.fillList(key, list, add)
	default:
		return e.extendList(list, add)
	}
}

// entries edits the entries that are there and returns those to be added.
func (e *editor) entries(list *yaml.Node, images []Image) (add []types.Image, err error) {
	switch {
	case list == nil, isEmpty(list):
		list = &yaml.Node{}
	case list.Kind != yaml.SequenceNode:
		return nil, refuse(list, "images is a %s; it must be a list", kindName(list))
	case list.Anchor != "":
		return nil, refuse(list, "images has the anchor &%s; write the list without it", list.Anchor)
	}
	for _, img := range lastWins(images) {
		entry, err := findEntry(list, img.Name)
		if err != nil {
			return nil, err
		}
		if entry == nil {
			add = append(add, img.resolve(types.Image{}))
			continue
		}
		if err := e.entry(entry, img); err != nil {
			return nil, err
		}
	}
	return add, nil
}

// lastWins drops all but the last image of each name, as kustomize does.
func lastWins(images []Image) []Image {
	var kept []Image
	for i, img := range images {
		later := false
		for _, other := range images[i+1:] {
			later = later || other.Name == img.Name
		}
		if !later {
			kept = append(kept, img)
		}
	}
	return kept
}

func findEntry(list *yaml.Node, name string) (*yaml.Node, error) {
	var found *yaml.Node
	for _, item := range list.Content {
		entry := item
		if item.Kind == yaml.AliasNode {
			entry = item.Alias
		}
		if entry.Kind != yaml.MappingNode {
			continue
		}
		_, n, err := field(entry, "name")
		if err != nil {
			return nil, err
		}
		if n == nil || value(n) != name {
			continue
		}
		switch {
		case item.Kind == yaml.AliasNode, item.Anchor != "":
			return nil, refuse(item, "the images entry %q uses a YAML anchor or alias; write it out", name)
		case found != nil:
			return nil, refuse(item, "images has two entries named %q (the other is in line %d); remove one", name, found.Line)
		}
		found = entry
	}
	return found, nil
}

// entry sets the parts of one entry that differ from what is wanted.
func (e *editor) entry(entry *yaml.Node, img Image) error {
	if merge, _ := lookup(entry, "<<"); merge != nil {
		return refuse(merge, "the images entry %q uses the merge key <<; write it out", img.Name)
	}
	var old types.Image
	for name, to := range map[string]*string{"newName": &old.NewName, "newTag": &old.NewTag, "digest": &old.Digest, "tagSuffix": &old.TagSuffix} {
		_, n, err := field(entry, name)
		if err != nil {
			return err
		}
		if n != nil {
			*to = value(n)
		}
	}
	wanted := img.resolve(old)
	after := "name" // the field that a new one is put behind
	for _, part := range []struct{ name, had, wanted string }{
		{"newName", old.NewName, wanted.NewName},
		{"newTag", old.NewTag, wanted.NewTag},
		{"digest", old.Digest, wanted.Digest},
		{"tagSuffix", old.TagSuffix, ""},
	} {
		key, n, err := field(entry, part.name)
		if err != nil {
			return err
		}
		switch {
		case part.had == part.wanted:
		case part.wanted == "":
			err = e.removeField(entry, key, n)
		case n != nil:
			err = e.replaceScalar(n, part.wanted)
		default:
			err = e.insertField(entry, after, part.name, part.wanted)
		}
		if err != nil {
			return fmt.Errorf("images entry %q: %s: %w", img.Name, part.name, err)
		}
		if n != nil && part.wanted != "" {
			after = part.name
		}
	}
	return nil
}
