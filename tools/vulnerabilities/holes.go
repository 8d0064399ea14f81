package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// hole is a known vulnerability that this module reaches.
type hole struct{ id, summary, module, version, fixed string }

// message is one value of govulncheck's stream, as much of it as is read.
type message struct {
	Config *struct{}
	OSV    *struct{ ID, Summary string }
	// Finding is one trace, from what is vulnerable to what calls it. Without a
	// function the module or the package is merely there.
	Finding *struct {
		OSV          string
		FixedVersion string `json:"fixed_version"`
		Trace        []struct{ Module, Version, Function string }
	}
}

// reached reads govulncheck's JSON: each hole with a trace to one of its functions,
// by id. An answer without its head is an error, as it would say that all is well.
func reached(r io.Reader) (map[string]hole, error) {
	summaries, holes, begun := map[string]string{}, map[string]hole{}, false
	for d := json.NewDecoder(r); ; {
		var m message
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF) && begun:
			for id, h := range holes {
				h.summary = summaries[id]
				holes[id] = h
			}
			return holes, nil
		case err != nil:
			return nil, err
		case m.Config != nil:
			begun = true
		case m.OSV != nil:
			summaries[m.OSV.ID] = m.OSV.Summary
		case m.Finding != nil && len(m.Finding.Trace) > 0 && m.Finding.Trace[0].Function != "":
			at := m.Finding.Trace[0]
			holes[m.Finding.OSV] = hole{id: m.Finding.OSV, module: at.Module, version: at.Version, fixed: m.Finding.FixedVersion}
		}
	}
}

var entry = regexp.MustCompile(`^(GO-\d{4}-\d{4,}) +(\S.*)$`)

// parseKnown reads lines of an id and why it stays. Lines with # are comments.
func parseKnown(text string) (map[string]string, error) {
	known := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := entry.FindStringSubmatch(line)
		switch {
		case m == nil:
			return nil, fmt.Errorf("%q is no id with a reason behind it", line)
		case known[m[1]] != "":
			return nil, fmt.Errorf("%s is there twice", m[1])
		}
		known[m[1]] = m[2]
	}
	return known, nil
}

// tell lists what is known and what is new. New ones are an error; a known one that
// is gone is told, so that the list does not outlive its reasons.
func tell(out io.Writer, holes map[string]hole, known map[string]string) error {
	fresh := 0
	for _, id := range slices.Sorted(maps.Keys(holes)) {
		h := holes[id]
		fixed := "no version has a fix"
		if h.fixed != "" {
			fixed = "fixed in " + h.fixed
		}
		why, is := known[id]
		if !is {
			fresh++
			why = "NEW: https://pkg.go.dev/vuln/" + id
		}
		fmt.Fprintf(out, "%s  %s %s (%s): %s\n    %s\n", id, h.module, h.version, fixed, h.summary, why)
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if _, still := holes[id]; !still {
			fmt.Fprintf(out, "%s  is not found any more: take it out of known.txt\n", id)
		}
	}
	if fresh > 0 {
		return fmt.Errorf("%d new of %d holes: take a version without, or say in known.txt why that cannot be", fresh, len(holes))
	}
	return nil
}
