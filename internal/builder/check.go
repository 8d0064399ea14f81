package builder

import (
	"encoding/csv"
	"net/url"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/pattern"
)

// What single values look like. Everything stands behind "--flag=", so that these
// are for a clear sentence and, where buildx splits at commas, against a value that
// means something else than it seems.
var (
	hostPattern     = pattern.New(`^[A-Za-z0-9_.-]+[:=](\[?[0-9A-Fa-f:.]+\]?|host-gateway)$`)
	wordPattern     = pattern.New(`^[A-Za-z0-9][\w.:/-]*$`)
	sizePattern     = pattern.New(`^\d+(\.\d+)?\s*[A-Za-z]{0,3}$`)
	ulimitPattern   = pattern.New(`^[a-z]+=-?\d+(:-?\d+)?$`)
	platformPattern = pattern.New(`^[a-z0-9_.-]+(/[a-z0-9_.-]+){0,2}(,[a-z0-9_.-]+(/[a-z0-9_.-]+){0,2})*$`)
	sshPattern      = pattern.New(`^[\w.-]+(=.+)?$`)
	allowPattern    = pattern.New(`^[a-z][\w.]*(=\S+)?$`)
)

func matches(pattern *pattern.Regexp, want string) func(string) string {
	return func(value string) string {
		if pattern.MatchString(value) {
			return ""
		}
		return want
	}
}

// named wants name=value.
func named(value string) string {
	if name, _, ok := strings.Cut(value, "="); !ok || name == "" || strings.ContainsAny(name, "\" \t") {
		return "name=value, one per line"
	}
	return ""
}

func buildContext(value string) string {
	if want := named(value); want != "" {
		return want
	}
	if _, where, _ := strings.Cut(value, "="); where == "" || hasUser(where) {
		return "name=path, URL or docker-image://reference, without a user or password"
	}
	return ""
}

// cache is a plain reference, or attributes with a type.
func cache(value string) string {
	if plainReference(value) {
		return ""
	}
	return typed(value)
}

func plainReference(value string) bool { return !strings.ContainsAny(value, `=," `) }

// typed wants attributes with a type among them.
func typed(value string) string {
	if want := attributes(value); want != "" {
		return want
	}
	fields, _ := fields(value) // attributes has read them
	for _, field := range fields {
		if strings.HasPrefix(field, "type=") {
			return ""
		}
	}
	return "attributes with a type among them, such as type=registry,ref=ghcr.io/acme/shop:cache"
}

// output is where a result goes: a directory, or attributes with a type. Standard
// output is ours.
func output(value string) string {
	if !strings.Contains(value, "=") && value != "-" && !strings.ContainsAny(value, `,"`) {
		return ""
	}
	if attribute(value, "dest") == "-" || value == "-" {
		return "a file or a directory: standard output is the log"
	}
	return typed(value)
}

// attributes wants name=value fields as CSV, or one word, and no secret in them.
func attributes(value string) string {
	all, err := fields(value)
	if err != nil {
		return `attributes as CSV, name=value,"name=a value, with a comma"`
	}
	for _, field := range all {
		name, _, given := strings.Cut(field, "=")
		if given && secretName.MatchString(name) {
			return "no " + name + ", as other users can read argument lists: buildx takes it from the environment (AWS_SECRET_ACCESS_KEY, ACTIONS_RUNTIME_TOKEN)"
		}
	}
	return ""
}

// fields reads one line of CSV as buildx does.
func fields(value string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(value))
	r.FieldsPerRecord = -1
	return r.Read()
}

// attribute is the value of one of the attributes; "" if it is not among them.
func attribute(value, name string) string {
	all, err := fields(value)
	if err != nil {
		return ""
	}
	for _, field := range all {
		if v, ok := strings.CutPrefix(field, name+"="); ok {
			return v
		}
	}
	return ""
}

// field is text as one field of CSV.
func field(text string) string {
	if !strings.ContainsAny(text, ",\"\r\n") {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}

// redact leaves out of a value what may be a secret: what is told of bad input
// is printed.
func redact(value string) string {
	all, err := fields(value)
	if err != nil {
		all = []string{value}
	}
	for i, f := range all {
		if name, v, ok := strings.Cut(f, "="); ok && (secretName.MatchString(name) || hasUser(v)) {
			all[i] = name + "=***"
		}
	}
	return strings.Join(all, ",")
}

// hasUser reports whether a URL has a user in it who may be a token. Over SSH the
// user is none.
func hasUser(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return false
	}
	_, password := u.User.Password()
	return password || u.Scheme == "http" || u.Scheme == "https"
}

// secretName matches names that hold a secret more often than not.
var secretName = pattern.New(`(?i)(^|_)((gh)?token|secrets?|pass(word|wd|phrase)?|pwd|credentials?|(api|private|access|ssh|signing)_?key|auth)($|_)`)

// CheckBuildArgs reports the first build argument that is malformed or is named
// like a secret: build arguments stay readable in the image's history and in
// its provenance.
func CheckBuildArgs(args []string) error {
	for _, arg := range args {
		name, _, ok := strings.Cut(arg, "=")
		if !ok || name == "" || strings.ContainsAny(name, "\" \t") {
			return exit.BadInputf("input build-args holds %q: write NAME=value, one per line", name)
		}
		if secretName.MatchString(name) {
			return exit.BadInputf("input build-args names %s, which looks like a secret: everyone who can pull the image could read its value, so give it by input secrets and a secret mount of the Dockerfile", name)
		}
	}
	return nil
}
