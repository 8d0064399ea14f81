// Package composefile reads Compose files as people wrote them: which files a
// project is made of, at which line a thing stands, which variables a text
// names, and what in it will bite. What the files mean when they are merged is
// the Compose driver's business.
//
// It is pure but for [Collect], which reads the files.
package composefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Doc is one Compose file with its lines.
type Doc struct {
	Name string // as it is shown to people
	docs []*yaml.Node
}

// Parse reads one Compose file, which may hold several documents.
func Parse(name string, text []byte) (Doc, error) {
	doc := Doc{Name: name}
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return doc, nil
		}
		if err != nil {
			return doc, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if len(n.Content) > 0 {
			doc.docs = append(doc.docs, n.Content[0])
		}
	}
}

// maxFiles bounds what is read of files that include one another.
const maxFiles = 500

// Collect reads Compose files and those that they include or extend, each once,
// in the order in which they are met. show gives the name to call a path by.
// What is not there, or not YAML, is left out: the loader says it better.
func Collect(paths []string, show func(string) string) []Doc {
	var docs []Doc
	var seen []string
	var visit func(path string)
	visit = func(path string) {
		if slices.Contains(seen, path) || len(seen) >= maxFiles {
			return
		}
		seen = append(seen, path)
		text, err := os.ReadFile(path)
		if err != nil {
			return
		}
		doc, err := Parse(show(path), text)
		if err != nil {
			return
		}
		docs = append(docs, doc)
		for _, other := range doc.mentions() {
			if !filepath.IsAbs(other) {
				other = filepath.Join(filepath.Dir(path), other)
			}
			visit(filepath.Clean(other))
		}
	}
	for _, path := range paths {
		visit(path)
	}
	return docs
}

// mentions are the paths of the files that the document includes or extends.
func (d Doc) mentions() []string {
	var paths []string
	for _, root := range d.docs {
		if include := child(root, "include"); include != nil {
			for _, entry := range include.Content {
				paths = append(paths, texts(entry)...)
				paths = append(paths, texts(child(entry, "path"))...)
			}
		}
		each(child(root, "services"), func(_, service *yaml.Node) {
			paths = append(paths, texts(child(child(service, "extends"), "file"))...)
		})
	}
	return paths
}

// Pos is where a thing stands; the zero value is nowhere.
type Pos struct {
	File string
	Line int
}

// String is "compose.yml:12", or "the Compose files" for nowhere.
func (p Pos) String() string {
	if p.File == "" {
		return "the Compose files"
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Find gives the place of a path of keys such as services, web, image. Of
// several files the last that has it counts, as it does for Compose; of a path
// that none has to its end, the longest part that one has.
func Find(docs []Doc, path ...string) Pos {
	for n := len(path); n > 0; n-- {
		for _, doc := range slices.Backward(docs) {
			for _, root := range slices.Backward(doc.docs) {
				if key := keyAt(root, path[:n]); key != nil {
					return Pos{doc.Name, key.Line}
				}
			}
		}
	}
	return Pos{}
}

// keyAt is the key at a path.
func keyAt(n *yaml.Node, path []string) *yaml.Node {
	var found *yaml.Node
	if list := resolve(n); list != nil && list.Kind == yaml.SequenceNode && len(path) == 1 {
		for _, item := range list.Content { // - NAME=value
			if name, _, _ := strings.Cut(item.Value, "="); item.Kind == yaml.ScalarNode && name == path[0] {
				return item
			}
		}
	}
	each(n, func(key, value *yaml.Node) {
		switch {
		case found != nil || key.Value != path[0]:
		case len(path) == 1:
			found = key
		default:
			found = keyAt(value, path[1:])
		}
	})
	return found
}

// maxDepth bounds how far aliases are followed: an alias to itself has no end.
const maxDepth = 64

// each calls f for the entries of a mapping: its own, then those of the
// mappings merged into it.
func each(n *yaml.Node, f func(key, value *yaml.Node)) { eachTo(n, f, 0) }

func eachTo(n *yaml.Node, f func(key, value *yaml.Node), depth int) {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > maxDepth {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			f(n.Content[i], n.Content[i+1])
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		merged := resolve(n.Content[i+1])
		if merged != nil && merged.Kind == yaml.SequenceNode {
			for _, m := range merged.Content {
				eachTo(m, f, depth+1)
			}
			continue
		}
		eachTo(merged, f, depth+1)
	}
}

// resolve follows aliases.
func resolve(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

func child(n *yaml.Node, key string) *yaml.Node {
	var found *yaml.Node
	each(n, func(k, v *yaml.Node) {
		if found == nil && k.Value == key {
			found = resolve(v)
		}
	})
	return found
}

// texts are the scalars of a node: itself, or the items of a list.
func texts(n *yaml.Node) []string {
	n = resolve(n)
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}
	case n.Kind == yaml.SequenceNode:
		var out []string
		for _, item := range n.Content {
			if item = resolve(item); item != nil && item.Kind == yaml.ScalarNode {
				out = append(out, item.Value)
			}
		}
		return out
	}
	return nil
}
