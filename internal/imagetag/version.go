package imagetag

import (
	"strings"

	"github.com/buenhyden/hy-home/internal/pattern"
)

var (
	semver = pattern.New(`^[v=\s]*(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$`)
	// https://peps.python.org/pep-0440/#appendix-b-parsing-version-strings-with-regular-expressions
	pep440  = pattern.New(`(?i)^\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?(-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?([-_.]?dev[-_.]?\d*)?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$`)
	rawOnly = pattern.New(`^\{\{\{?\s*raw\s*\}?\}\}$`)
	digits  = pattern.New(`\d+`)
)

// release is a version taken apart.
type release struct {
	version             string // in its normal form
	major, minor, patch string
	final               bool // none of a pre-, post- and development release
}

// versioned is what type=semver and type=pep440 make of a text.
func (m *maker) versioned(r rule, text string) (string, bool, error) {
	if want := r.attrs["match"]; want != "" {
		re, err := compile(want)
		if err != nil {
			return "", false, err
		}
		switch found := re.FindStringSubmatch(text); {
		case found == nil:
			m.warn("%s does not match %s", want, text)
		case len(found) > 1:
			text = found[1]
		default:
			m.warn("%s has no group to take the version from", want)
		}
	}
	text = strings.ReplaceAll(text, "/", "-")
	parse, standard := parseSemver, "valid semver (https://semver.org)"
	if r.kind == "pep440" {
		parse, standard = parsePEP440, "version by PEP 440"
	}
	v, ok := parse(text)
	if !ok {
		m.warn("%s is no %s", text, standard)
		return "", false, nil
	}
	pattern := r.attrs["pattern"]
	if !v.final {
		// What is not final moves no tag that people rely on, such as "1.2".
		if rawOnly.MatchString(pattern) {
			return text, false, nil
		}
		return v.version, false, nil
	}
	value, err := expand(pattern, map[string]func(string, *zone) (string, error){
		"raw": constant(text), "version": constant(v.version), "major": constant(v.major), "minor": constant(v.minor), "patch": constant(v.patch),
	})
	return value, true, err
}

func parseSemver(s string) (release, bool) {
	g := semver.FindStringSubmatch(s)
	if g == nil {
		return release{}, false
	}
	return release{g[1] + "." + g[2] + "." + g[3] + g[4], g[1], g[2], g[3], g[4] == ""}, true
}

// phases are the spellings of a pre-release in their normal form.
var phases = map[string]string{"alpha": "a", "a": "a", "beta": "b", "b": "b", "c": "rc", "rc": "rc", "pre": "rc", "preview": "rc"}

func parsePEP440(s string) (release, bool) {
	g := pep440.FindStringSubmatch(s)
	if g == nil {
		return release{}, false
	}
	parts := strings.Split(g[2], ".")
	for i, p := range parts {
		parts[i] = number(p)
	}
	v := release{version: strings.Join(parts, "."), final: g[3] == "" && g[5] == "" && g[6] == ""}
	parts = append(parts, "0", "0")
	v.major, v.minor, v.patch = parts[0], parts[1], parts[2]
	if g[1] != "" && number(g[1]) != "0" {
		v.version = number(g[1]) + "!" + v.version
	}
	if g[3] != "" {
		v.version += phases[strings.ToLower(g[3])] + number(g[4])
	}
	if g[5] != "" {
		v.version += ".post" + number(digits.FindString(g[5]))
	}
	if g[6] != "" {
		v.version += ".dev" + number(digits.FindString(g[6]))
	}
	if g[7] != "" {
		v.version += "+" + strings.ToLower(strings.NewReplacer("-", ".", "_", ".").Replace(g[7]))
	}
	return v, true
}

// number is a number in its normal form; none counts as 0.
func number(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}
