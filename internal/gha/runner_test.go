package gha

import (
	"errors"
	"strings"
	"unicode"
)

// This file ports what the runner does with what a step writes, from the source
// of actions/runner 2.336.0, as the judge of what this package writes.

// readPairs reads GITHUB_OUTPUT or GITHUB_ENV (FileCommandManager.cs,
// EnvFileKeyValuePairs). Of a key given twice the runner takes the last.
func readPairs(text string) ([][2]string, error) {
	var pairs [][2]string
	index := 0
	for {
		line, _, ok := readLine(text, &index)
		if !ok {
			return pairs, nil
		}
		if line == "" {
			continue
		}
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			key, value, _ := strings.Cut(line, "=")
			pairs = append(pairs, [2]string{key, value})
		case heredoc >= 0:
			key, delimiter, _ := strings.Cut(line, "<<")
			if key == "" || delimiter == "" {
				return nil, errors.New("name or delimiter is empty: " + line)
			}
			start, end := index, index
			for {
				line, newline, ok := readLine(text, &index)
				if !ok {
					return nil, errors.New("matching delimiter not found: " + delimiter)
				}
				if line == delimiter {
					break
				}
				end = index - len(newline)
			}
			pairs = append(pairs, [2]string{key, text[start:max(start, end)]})
		default:
			return nil, errors.New("invalid format: " + line)
		}
	}
}

func readLine(text string, index *int) (line, newline string, ok bool) {
	if *index >= len(text) {
		return "", "", false
	}
	rest := text[*index:]
	i := strings.IndexByte(rest, '\n')
	if i < 0 {
		*index = len(text)
		return rest, "", true
	}
	*index += i + 1
	return rest[:i], "\n", true
}

// commandsIn returns the commands that the runner finds in a step's output
// (ActionCommand.cs, TryParseV2 and TryParse). It is stricter than the runner:
// any name counts as registered, and characters that a culture may ignore when
// it compares are ignored.
func commandsIn(output string) []string {
	var commands []string
	stopped := ""
	for line := range strings.FieldsFuncSeq(output, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.TrimLeftFunc(strings.Map(func(r rune) rune {
			if r != '\t' && (!unicode.IsGraphic(r) || unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me)) {
				return -1
			}
			return r
		}, line), unicode.IsSpace)
		name, data, ok := "", "", false
		if rest, found := strings.CutPrefix(line, "::"); found {
			name, data, ok = strings.Cut(rest, "::")
		}
		if _, rest, found := strings.Cut(line, "##["); !ok && found {
			name, data, ok = strings.Cut(rest, "]")
		}
		switch {
		case !ok:
		case stopped != "":
			if name == stopped {
				stopped = ""
			}
		case name == "stop-commands":
			stopped = data
		default:
			commands = append(commands, name)
		}
	}
	return commands
}
