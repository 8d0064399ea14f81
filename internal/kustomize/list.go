package kustomize

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"
	"sigs.k8s.io/kustomize/api/types"
)

// appendList adds the field images at the end of the first document.
func (e *editor) appendList(add []types.Image) error {
	lines := []string{"images:"}
	for _, img := range add {
		lines = append(lines, entryLines(img, "", " ")...)
	}
	e.insertAfter(e.lastLine(), lines...)
	return nil
}

// lastLine is the last line of the first document: the one before "..." or a
// "---" that does not open the file, else the last of the file.
func (e *editor) lastLine() int {
	started := false
	for n := 1; n < len(e.src.lines); n++ {
		start, end := e.src.line(n)
		line := bytes.TrimPrefix(e.src.text[start:end], []byte("\ufeff"))
		switch {
		case marks(line, "..."), marks(line, "---") && started:
			return n - 1
		}
		text := strings.TrimSpace(string(line))
		started = started || text != "" && !strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "%")
	}
	return len(e.src.lines) - 1
}

func marks(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// fillList puts entries below an empty field: "images:", "images: []", "images: null".
func (e *editor) fillList(key, list *yaml.Node, add []types.Image) error {
	_, end := e.src.line(key.Line)
	if list.Anchor != "" || list.Style&yaml.TaggedStyle != 0 {
		return refuse(list, "images is empty and has an anchor or tag; write it as \"images:\" alone")
	}
	at := e.src.offset(key) + len(key.Value)
	if key.Style != 0 || key.Column != 1 || at >= len(e.src.text) || e.src.text[at] != ':' {
		return refuse(key, "images is empty; write it as \"images:\" alone, at the start of a line")
	}
	at++
	rest := string(e.src.text[at:end])
	val := strings.TrimLeft(rest, " \t")
	for _, empty := range []string{"[]", "null", "Null", "NULL", "~"} {
		if strings.HasPrefix(val, empty) {
			val = val[len(empty):]
			e.edits = append(e.edits, edit{start: at, end: at + len(rest) - len(val)})
			break
		}
	}
	if tail := strings.TrimSpace(val); tail != "" && !strings.HasPrefix(tail, "#") {
		return refuse(key, "images is empty; write it as \"images:\" alone, at the start of a line")
	}
	var lines []string
	for _, img := range add {
		lines = append(lines, entryLines(img, "", " ")...)
	}
	e.insertAfter(key.Line, lines...)
	return nil
}

// extendList adds entries behind the last one, in its layout.
func (e *editor) extendList(list *yaml.Node, add []types.Image) error {
	last := list.Content[len(list.Content)-1]
	if list.Style&yaml.FlowStyle != 0 {
		return refuse(list, "images is in flow style [...]; write it in block style, one entry a dash")
	}
	dash := list.Column - 1
	gap := " "
	column := list.Column + 1
	if last.Kind == yaml.MappingNode && last.Anchor == "" {
		column = last.Column - 1
		// A key on the dash's own line shows how far entries are set in.
		if n := column - dash - 1; last.Style&yaml.FlowStyle == 0 && n > 0 {
			gap = strings.Repeat(" ", n)
		}
	}
	line := endLine(last)
	// Comments set in as deep as the last entry's fields belong to it.
	for n := line + 1; n < len(e.src.lines); n++ {
		start, end := e.src.line(n)
		text := string(e.src.text[start:end])
		trimmed := strings.TrimLeft(text, " ")
		if !strings.HasPrefix(trimmed, "#") || len(text)-len(trimmed) < max(column, dash+1) {
			break
		}
		line = n
	}
	var lines []string
	for _, img := range add {
		lines = append(lines, entryLines(img, strings.Repeat(" ", dash), gap)...)
	}
	e.insertAfter(line, lines...)
	return nil
}

// endLine is the line on which the last scalar of a node starts. A scalar of several
// lines makes it wrong; the check of the result finds that.
func endLine(n *yaml.Node) int {
	line := n.Line
	for _, c := range n.Content {
		line = max(line, endLine(c))
	}
	return line
}
