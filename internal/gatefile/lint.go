package gatefile

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/buenhyden/hy-home/internal/decode"
	"github.com/buenhyden/hy-home/internal/judge"
)

// Document is one YAML document of a file.
type Document struct {
	File string
	Text []byte
}

// Finding is one thing that is wrong, or may well be, with a file.
type Finding struct {
	File  string `json:"file"`
	Level string `json:"level"` // error: it cannot work; warning: it may pass or fail by mistake
	Where string `json:"where"` // metric or check
	Rule  string `json:"rule"`  // one word
	Text  string `json:"text"`  // one sentence
}

// Lint looks through documents that belong together: gate files,
// AnalysisTemplates, and Rollouts, whose steps say how long the canary is there to
// be measured and which analysis holds them up. Other kinds have no findings.
// Scrape is how often Prometheus looks; read reads the templates that a gate file
// names, which are looked through as well.
func Lint(documents []Document, scrape time.Duration, read func(path string) ([]byte, error)) []Finding {
	l := &linter{scrape: scrape, open: read, linted: map[string]bool{}}
	documents = listed(documents)
	for _, d := range documents {
		l.addRollout(d.Text)
		l.linted[filepath.Clean(d.File)] = true
	}
	for _, d := range documents {
		l.file = d.File
		l.lint(d.Text)
	}
	return l.found
}

// separator stands between two documents of a YAML file.
var separator = regexp.MustCompile(`(?m)^---(?:[ \t\r]|$)`)

// Documents are those of a YAML file that hold anything.
func Documents(file string, text []byte) []Document {
	var out []Document
	for _, one := range separator.Split(string(text), -1) {
		if strings.TrimSpace(one) != "" {
			out = append(out, Document{file, []byte(one)})
		}
	}
	return out
}

// listed puts what a list holds, as kubectl writes one, in its place.
func listed(documents []Document) []Document {
	var out []Document
	for _, d := range documents {
		var list struct {
			Kind  string
			Items []json.RawMessage
		}
		if err := yaml.Unmarshal(d.Text, &list); err != nil || !strings.HasSuffix(list.Kind, "List") {
			out = append(out, d)
		}
		for _, item := range list.Items {
			out = append(out, Document{d.File, item})
		}
	}
	return out
}

type linter struct {
	scrape   time.Duration
	rollouts []steps
	open     func(path string) ([]byte, error)
	linted   map[string]bool // by path
	file     string          // that is looked at
	found    []Finding
}

func (l *linter) fail(where, rule, format string, args ...any) {
	l.found = append(l.found, Finding{l.file, "error", where, rule, fmt.Sprintf(format, args...)})
}

func (l *linter) warn(where, rule, format string, args ...any) {
	l.found = append(l.found, Finding{l.file, "warning", where, rule, fmt.Sprintf(format, args...)})
}

func (l *linter) lint(text []byte) {
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		l.fail("", "yaml", "%s", decode.Plain(err))
		return
	}
	switch {
	case m.isTemplate():
		l.template(m)
	case m.Kind == "":
		f, err := Parse(text)
		if err != nil {
			l.fail("", "gate-file", "%s", err)
			return
		}
		// Its conditions compile, and no data and NaN never pass a check of ours.
		for _, c := range f.Checks {
			l.fits(c)
			l.query(c.Name, c.Query)
			if c.Budget != nil {
				l.query(c.Name, c.Budget.Errors)
			}
		}
		for _, t := range f.Templates {
			l.named(t)
		}
	}
}

func (m manifest) isTemplate() bool {
	return m.Kind == "AnalysisTemplate" || m.Kind == "ClusterAnalysisTemplate" || m.Kind == "AnalysisRun"
}

// named looks through a template that the gate file names: at it alone, unless it is
// among the files, and at what the gate makes of it with the file's arguments.
func (l *linter) named(t Template) {
	path := filepath.Join(filepath.Dir(l.file), t.File)
	text, err := l.open(path)
	if err != nil {
		l.fail(t.File, "template", "%s", err)
		return
	}
	if !l.linted[path] {
		l.linted[path] = true
		gate := l.file
		l.file = path
		for _, d := range listed(Documents(path, text)) {
			var m manifest
			if err := yaml.Unmarshal(d.Text, &m); err == nil && m.isTemplate() { // of all else the gate says below what it is
				l.template(m)
			}
		}
		l.file = gate
	}
	checks, err := t.checks(text)
	if err != nil {
		l.fail(t.File, "template", "%s", err)
		return
	}
	for _, c := range checks {
		if c.Condition+c.FailureCondition == "" {
			continue
		}
		if _, err := judge.Compile(c.Condition, c.FailureCondition); err != nil {
			l.fail(t.File, "compile", "metric %q with the arguments of this file: %s", c.Name, err)
		}
	}
}
