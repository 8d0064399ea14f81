package gha

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// What the runner keeps: the rest of a message, and annotations beyond the
// tenth of a kind in a step, are dropped without a word.
const (
	messageCap    = 4096
	annotationCap = 10
)

// Error tells a person what went wrong: the cause, once. In Actions it is an
// annotation; of each kind at most ten are made, later ones are plain lines.
func (r *Runner) Error(title, message string) { r.annotate("error", title, message) }

// Warning tells a person what may go wrong; see [Runner.Error].
func (r *Runner) Warning(title, message string) { r.annotate("warning", title, message) }

// Notice tells a person what is worth knowing; see [Runner.Error].
func (r *Runner) Notice(title, message string) { r.annotate("notice", title, message) }

func (r *Runner) annotate(kind, title, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.actions {
		if kind == "notice" {
			kind = "note"
		}
		fmt.Fprintf(r.err, "%s: %s\n", kind, message)
		return
	}
	r.marks[kind]++
	if r.marks[kind] > annotationCap {
		r.say(kind + ": " + message)
		return
	}
	var properties map[string]string
	if title != "" {
		properties = map[string]string{"title": title}
	}
	if len(message) > messageCap {
		const ellipsis = " …"
		message = cut(message, messageCap-len(ellipsis)) + ellipsis
	}
	r.command(kind, message, properties)
}

// Debug writes a line that GitHub shows only when the job is debugged.
func (r *Runner) Debug(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.actions {
		fmt.Fprintln(r.err, message)
		return
	}
	r.command("debug", message, nil)
}

// Say prints lines of progress. None of them can be a command to the runner,
// whatever is in it.
func (r *Runner) Say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.say(text)
}

func (r *Runner) say(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if r.actions {
			line = defuse(line)
		}
		fmt.Fprintln(r.err, line)
	}
}

// Text prints what a command was asked for, which may hold what others wrote: in a job
// without a line that the runner would take for a command, else to the byte.
func (r *Runner) Text(text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.actions {
		lines := strings.SplitAfter(text, "\n")
		for i, line := range lines {
			body, ended := strings.CutSuffix(line, "\n")
			if lines[i] = defuse(body); ended {
				lines[i] += "\n"
			}
		}
		text = strings.Join(lines, "")
	}
	_, err := io.WriteString(r.out, text)
	return err
}

// defuse changes a line that the runner would take for a command: one that
// starts with "::", or has "##[" anywhere (the form before 2019, which is still
// read). The runner compares as its culture does, which ignores what has no
// width of its own, so such characters do not hide a command here either.
func defuse(line string) string {
	line = strings.ReplaceAll(strings.TrimRight(line, "\r"), "\r", " ") // a carriage return starts a new line
	visible := strings.Map(func(r rune) rune {
		if r != '\t' && (!unicode.IsGraphic(r) || unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me)) {
			return -1
		}
		return r
	}, line)
	if !strings.HasPrefix(strings.TrimSpace(visible), "::") && !strings.Contains(visible, "##[") {
		return line
	}
	return "· " + strings.ReplaceAll(visible, "##[", "# #[")
}

// Mask makes the runner write *** for a secret wherever it is about to print
// it: for each of its lines, and for its base64 form, as used in HTTP headers.
// Call it before anything else is printed. On a terminal it does nothing.
func (r *Runner) Mask(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	secret = strings.TrimSpace(secret)
	if !r.actions || secret == "" {
		return
	}
	for line := range strings.Lines(secret) {
		// Masking "{" or "}" of a key in JSON would spoil every log that follows.
		if line = strings.TrimSpace(line); len(line) > 2 {
			r.command("add-mask", line, nil)
		}
	}
	r.command("add-mask", base64.StdEncoding.EncodeToString([]byte(secret)), nil)
}

// Group runs fn with what it prints folded under a title. Groups do not nest in
// GitHub's log: an inner one is only its title.
func (r *Runner) Group(title string, fn func() error) error {
	r.mu.Lock()
	outer := !r.grouped
	r.grouped = true
	if r.actions && outer {
		r.command("group", title, nil)
	} else {
		r.say(title)
	}
	r.mu.Unlock()
	defer func() {
		if !outer {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.grouped = false
		if r.actions {
			r.command("endgroup", "", nil)
		}
	}()
	return fn()
}

// Foreign prints text that others wrote (logs of pods, output of commands,
// commit messages) as it is, while the runner is told to ignore commands.
func (r *Runner) Foreign(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text = strings.TrimRight(text, "\n"); text == "" {
		return
	}
	if !r.actions {
		fmt.Fprintln(r.err, text)
		return
	}
	token := r.random()
	r.command("stop-commands", token, nil)
	fmt.Fprintln(r.err, text)
	r.command(token, "", nil)
}

// printPair shows a name and its value to a person.
func printPair(w io.Writer, key, value string) {
	if !strings.Contains(value, "\n") {
		fmt.Fprintf(w, "%s=%s\n", key, value)
		return
	}
	fmt.Fprintf(w, "%s=\n", key)
	for line := range strings.SplitSeq(strings.TrimRight(value, "\n"), "\n") {
		fmt.Fprintf(w, "  %s\n", line)
	}
}
