package builder

import (
	"errors"
	"fmt"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/pattern"
)

// Secret is what a RUN --mount=type=secret finds under its id. One of Value, Env
// and File says where it comes from; none of the three is ever an argument.
type Secret struct {
	ID    string
	Value string // handed to the builder in a variable
	Env   string // variable of the step
	File  string

	Optional bool // nobody asked for it: a builder that knows no secrets goes without
}

// maxSecret is how long a variable may be on Linux (MAX_ARG_STRLEN, 32 pages) with
// its name; GitHub's own secrets end at 48 KB.
const maxSecret = 128<<10 - 64

// secretID is what needs no quoting in any of the places where an id stands. A colon is
// before the port of a Git server, whose name its token has in its id.
var secretID = pattern.New(`^[A-Za-z0-9_][A-Za-z0-9_.:-]*$`)

// ParseSecrets reads input secrets: id=value, one per line. A record in quotes goes
// on over lines, with "" for a quote, as in docker/build-push-action. No error holds
// any of the text.
func ParseSecrets(text string) ([]Secret, error) {
	var out []Secret
	for text = strings.TrimLeft(text, " \t\r\n"); text != ""; text = strings.TrimLeft(text, " \t\r\n") {
		record, rest, err := nextRecord(text)
		if err != nil {
			return nil, exit.BadInputf("input secrets, entry %d: %v", len(out)+1, err)
		}
		id, value, ok := strings.Cut(record, "=")
		if !ok || !secretID.MatchString(id) {
			return nil, exit.BadInputf("input secrets, entry %d: write id=value, one per line, or in quotes over several lines", len(out)+1)
		}
		out = append(out, Secret{ID: id, Value: value})
		text = rest
	}
	return out, nil
}

func nextRecord(text string) (record, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		record, rest, _ = strings.Cut(text, "\n")
		return strings.TrimSpace(record), rest, nil
	}
	var b strings.Builder
	for rest = text[1:]; ; {
		part, after, ok := strings.Cut(rest, `"`)
		if !ok {
			return "", "", errors.New(`the quote at its start has no end (write "" for a quote within)`)
		}
		b.WriteString(part)
		if rest = after; !strings.HasPrefix(rest, `"`) {
			break
		}
		b.WriteByte('"')
		rest = rest[1:]
	}
	line, rest, _ := strings.Cut(rest, "\n")
	if strings.TrimSpace(line) != "" {
		return "", "", errors.New(`there is text behind the closing quote (write "" for a quote within)`)
	}
	return b.String(), rest, nil
}

// ParseSecretRefs reads inputs secret-envs and secret-files: id=variable or id=path.
func ParseSecretRefs(input string, items []string, set func(*Secret, string)) ([]Secret, error) {
	var out []Secret
	for _, item := range items {
		id, value, ok := strings.Cut(item, "=")
		if !ok || value == "" || !secretID.MatchString(id) {
			return nil, exit.BadInputf("input %s holds %q: write %s, one per line", input, id, map[string]string{"secret-envs": "id=VARIABLE", "secret-files": "id=path"}[input])
		}
		s := Secret{ID: id}
		set(&s, value)
		out = append(out, s)
	}
	return out, nil
}

// checkSecrets reports the first secret that cannot be handed over.
func checkSecrets(secrets []Secret) error {
	seen := map[string]bool{}
	for _, s := range secrets {
		if !secretID.MatchString(s.ID) {
			return exit.BadInputf("a secret has the id %q: letters, digits and _ . : - are allowed", s.ID)
		}
		if seen[s.ID] {
			return exit.BadInputf("secret %s is given twice: give each id once, by one of inputs secrets, secret-envs and secret-files", s.ID)
		}
		seen[s.ID] = true
		if len(s.Value) > maxSecret {
			return exit.BadInputf("secret %s is longer than %d KB: give it by input secret-files", s.ID, maxSecret>>10)
		}
	}
	return nil
}

// secretVariable is how the builder is handed the value of a secret.
func secretVariable(i int) string { return fmt.Sprintf("HYACTION_SECRET_%d", i) }

// secretFlags name the secrets, and say where the builder finds them.
func secretFlags(secrets []Secret) []string {
	var out []string
	for i, s := range secrets {
		from := "env=" + secretVariable(i)
		switch {
		case s.Env != "":
			from = field("env=" + s.Env)
		case s.File != "":
			from = field("src=" + s.File)
		}
		out = append(out, "id="+s.ID+","+from)
	}
	return out
}

// secretEnv are the values that secretFlags refers to.
func secretEnv(secrets []Secret) []string {
	var out []string
	for i, s := range secrets {
		if s.Env == "" && s.File == "" {
			out = append(out, secretVariable(i)+"="+s.Value)
		}
	}
	return out
}
