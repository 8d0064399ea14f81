package composefile

import (
	"cmp"
	"strings"
)

// Variable is one use of a variable in a text that Compose fills in.
type Variable struct {
	Name     string
	Operator string // ":-", "-", ":?", "?", ":+", "+", or "" for the bare variable
	Default  string // what follows the operator
	Text     string // as it is written: "${TAG:-1.2}"
}

// Variables lists what Compose would fill into a text, the uses inside of
// defaults included. "$$" is an escaped dollar. bad is the first brace after a
// dollar that Compose does not understand and refuses, such as "${1}", or "".
func Variables(text string) (uses []Variable, bad string) {
	for i := 0; i < len(text); i++ {
		if text[i] != '$' {
			continue
		}
		rest := text[i+1:]
		switch {
		case strings.HasPrefix(rest, "$"):
			i++
		case strings.HasPrefix(rest, "{"):
			end := closing(rest)
			if end < 0 {
				return uses, cmp.Or(bad, "${")
			}
			body := rest[1:end]
			name := body[:nameLength(body)]
			v := Variable{Name: name, Text: "$" + rest[:end+1]}
			v.Operator, v.Default = operator(body[len(name):])
			if name == "" || v.Operator == "" && len(body) > len(name) {
				return uses, cmp.Or(bad, v.Text)
			}
			uses = append(uses, v)
			inner, wrong := Variables(v.Default)
			uses, bad = append(uses, inner...), cmp.Or(bad, wrong)
			i += end + 1
		default:
			n := nameLength(rest)
			if n == 0 {
				continue // a shell's $(date), $? or $1: Compose leaves it alone
			}
			uses = append(uses, Variable{Name: rest[:n], Text: "$" + rest[:n]})
			i += n
		}
	}
	return uses, bad
}

// operator takes apart what follows a name between braces.
func operator(s string) (op, rest string) {
	for _, op := range []string{":-", "-", ":?", "?", ":+", "+"} {
		if rest, ok := strings.CutPrefix(s, op); ok {
			return op, rest
		}
	}
	return "", ""
}

// closing is the index of the brace that closes the one at the start.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch {
		case s[i] == '{' && (i == 0 || s[i-1] == '$'):
			depth++
		case s[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// nameLength is the length of the variable's name that a text starts with.
func nameLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}
