package kustomize

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
	"sigs.k8s.io/kustomize/api/types"
	sigsyaml "sigs.k8s.io/yaml"
)

// edit replaces src[start:end] by text.
type edit struct {
	start, end int
	text       string
}

// source is a file with the byte offset of each line.
type source struct {
	text  []byte
	lines []int // offset of each line; the last one is len(text)
}

func newSource(text []byte) *source {
	s := &source{text: text, lines: []int{0}}
	for i, b := range text {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	if last := s.lines[len(s.lines)-1]; last != len(text) {
		s.lines = append(s.lines, len(text))
	}
	return s
}

// apply performs edits. Of those that start at the same place insertions come
// first, in their order.
func (s *source) apply(edits []edit) ([]byte, error) {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		if e.start < at || e.end < e.start || e.end > len(s.text) {
			return nil, fmt.Errorf("edits of bytes %d-%d and up to %d overlap", e.start, e.end, at)
		}
		out.Write(s.text[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(s.text[at:])
	return out.Bytes(), nil
}

// offset is the byte offset of a node; YAML columns count characters.
func (s *source) offset(n *yaml.Node) int {
	start, end := s.line(n.Line)
	at := start
	for i := 1; i < n.Column && at < end; i++ {
		_, size := utf8.DecodeRune(s.text[at:])
		at += size
	}
	return at
}

// line is the extent of a line, counted from 1, with its line end.
func (s *source) line(n int) (start, end int) {
	if n < 1 || n >= len(s.lines) {
		return len(s.text), len(s.text)
	}
	return s.lines[n-1], s.lines[n]
}

// eol is the line end that new lines get beside line n: that line's own, or the
// file's first.
func (s *source) eol(n int) string {
	start, end := s.line(n)
	line := s.text[start:end]
	if !bytes.HasSuffix(line, []byte("\n")) {
		first, _, _ := bytes.Cut(s.text, []byte("\n"))
		line = append(slices.Clone(first), '\n')
	}
	if bytes.HasSuffix(line, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// insertAfter adds lines behind line n, which may be the last one and lack a line end.
func (e *editor) insertAfter(n int, lines ...string) {
	_, end := e.src.line(n)
	eol := e.src.eol(n)
	text := strings.Join(lines, eol)
	if end > 0 && e.src.text[end-1] != '\n' {
		text = eol + text // and the file goes on without a last line end
	} else {
		text += eol
	}
	e.edits = append(e.edits, edit{start: end, end: end, text: text})
}

// insertField adds a field to an entry, behind one that is there.
func (e *editor) insertField(entry *yaml.Node, after, name, val string) error {
	if entry.Style&yaml.FlowStyle != 0 {
		return refuse(entry, "the entry is in flow style {...}; write it in block style, one field a line")
	}
	_, n, err := field(entry, after)
	if err != nil {
		return err
	}
	if _, err := e.scalarEnd(n); err != nil { // must end on its own line
		return err
	}
	first := entry.Content[0]
	e.insertAfter(n.Line, strings.Repeat(" ", first.Column-1)+name+": "+quote(val))
	return nil
}

// removeField takes a field's line out, with the comment behind its value.
func (e *editor) removeField(entry, key, n *yaml.Node) error {
	if entry.Style&yaml.FlowStyle != 0 {
		return refuse(entry, "the entry is in flow style {...}; write it in block style, one field a line")
	}
	if _, err := e.scalarEnd(n); err != nil {
		return err
	}
	if n.Line != key.Line {
		return refuse(n, "the value is not on the line of its key; put it there")
	}
	start, end := e.src.line(key.Line)
	if key == entry.Content[0] {
		// It shares its line with the dash: the next field moves up in its place.
		next := entry.Content[2] // there is one, as the entry has a name
		between, _ := e.src.line(next.Line)
		if next.Line != key.Line+1 || strings.TrimSpace(string(e.src.text[between:e.src.offset(next)])) != "" {
			return refuse(key, "the first field of the entry is followed by a comment or blank line; put name first")
		}
		start, end = e.src.offset(key), e.src.offset(next)
	}
	e.edits = append(e.edits, edit{start: start, end: end})
	return nil
}

// replaceScalar puts val in the place of a single-line scalar, in the same quotes.
func (e *editor) replaceScalar(n *yaml.Node, val string) error {
	end, err := e.scalarEnd(n)
	if err != nil {
		return err
	}
	text := quote(val)
	switch n.Style {
	case yaml.DoubleQuotedStyle:
		text = `"` + val + `"` // names, tags and digests hold nothing to escape
	case yaml.SingleQuotedStyle:
		text = "'" + val + "'"
	}
	e.edits = append(e.edits, edit{start: e.src.offset(n), end: end, text: text})
	return nil
}

// scalarEnd finds the end of a scalar that starts and ends on one line, and
// refuses any other.
func (e *editor) scalarEnd(n *yaml.Node) (int, error) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return 0, refuse(n, "the value uses a YAML anchor or alias; write it out")
	case n.Kind != yaml.ScalarNode:
		return 0, refuse(n, "the value is a %s; it must be a single value", kindName(n))
	case n.Style&yaml.TaggedStyle != 0:
		return 0, refuse(n, "the value has a YAML tag; write it without")
	}
	start := e.src.offset(n)
	_, lineEnd := e.src.line(n.Line)
	rest := e.src.text[start:lineEnd]
	length := -1
	switch n.Style {
	case 0:
		length = len(n.Value)
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		if i := bytes.IndexByte(rest[min(1, len(rest)):], rest[0]); i >= 0 {
			length = i + 2
		}
	}
	var back string
	if length < 0 || length > len(rest) || yaml.Unmarshal(append([]byte("!!str "), rest[:length]...), &back) != nil || back != n.Value {
		return 0, refuse(n, "the value spans lines or uses escapes; write it on one line as it is")
	}
	return start + length, nil
}

// quote writes val as YAML: plain, unless some reader (kustomize reads YAML 1.1,
// most others 1.2) would take it for a number, a date or a truth value.
func quote(val string) string {
	want := val + "\n"
	v1, err1 := sigsyaml.Marshal(val)
	v2, err2 := yaml.Marshal(val)
	if err1 == nil && err2 == nil && string(v1) == want && string(v2) == want {
		return val
	}
	return `"` + val + `"`
}

// entryLines writes an entry as lines; gap is what stands between dash and key.
func entryLines(img types.Image, indent, gap string) []string {
	lines := []string{indent + "-" + gap + "name: " + quote(img.Name)}
	for _, f := range [][2]string{{"newName", img.NewName}, {"newTag", img.NewTag}, {"digest", img.Digest}} {
		if f[1] != "" {
			lines = append(lines, indent+" "+gap+f[0]+": "+quote(f[1]))
		}
	}
	return lines
}
