package imagetag

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/buenhyden/hy-home/internal/pattern"
)

// zone is a time zone by name; nil is UTC.
type zone = time.Location

// functions are the expressions of a text by name; an argument is a date's format.
type functions = map[string]func(argument string, z *zone) (string, error)

func constant(s string) func(string, *zone) (string, error) {
	return func(string, *zone) (string, error) { return s, nil }
}

var (
	expression = pattern.New(`\{\{\{?\s*(.*?)\s*\}?\}\}`)
	call       = pattern.New(`^(\w+)(?:\s+(?:'([^']*)'|"([^"]*)"))?(?:\s+tz=(?:'([^']*)'|"([^"]*)"))?$`)
)

// expand puts values in place of expressions: "{{major}}", "{{date 'YYYY' tz='Asia/Tokyo'}}".
func expand(text string, known functions) (string, error) {
	var fault error
	out := expression.ReplaceAllStringFunc(text, func(s string) string {
		inner := expression.FindStringSubmatch(s)[1]
		m := call.FindStringSubmatch(inner)
		if m == nil || known[m[1]] == nil {
			fault = fmt.Errorf("unknown expression %s", s)
			return ""
		}
		z := time.UTC
		if name := m[4] + m[5]; name != "" {
			var err error
			if z, err = time.LoadLocation(name); err != nil {
				fault = fmt.Errorf("%s: %w", s, err)
				return ""
			}
		}
		value, err := known[m[1]](m[2]+m[3], z)
		if err != nil {
			fault = err
		}
		return value
	})
	if rest := expression.ReplaceAllString(text, ""); fault == nil && (strings.Contains(rest, "{{") || strings.Contains(rest, "}}")) {
		fault = fmt.Errorf("%q is half an expression: put a field with a comma in double quotes as a whole", text)
	}
	return out, fault
}

func (m *maker) dates() functions {
	committed := m.event.CommitDate
	if committed.IsZero() {
		committed = m.event.Now
	}
	in := func(t time.Time) func(string, *zone) (string, error) {
		return func(format string, z *zone) (string, error) { return moment(t.In(z), format), nil }
	}
	return functions{"date": in(m.event.Now), "commit_date": in(committed)}
}

func (m *maker) global(text string) (string, error) {
	e, known := m.event, m.dates()
	base := ""
	if !strings.HasPrefix(e.Ref, "refs/heads/") {
		base = strings.TrimPrefix(e.BaseRef, "refs/heads/")
	}
	known["branch"], known["tag"] = constant(e.branch()), constant(e.tag())
	known["sha"], known["base_ref"] = constant(e.short()), constant(base)
	known["is_default_branch"] = constant(strconv.FormatBool(e.onDefault()))
	known["is_not_default_branch"] = constant(strconv.FormatBool(!e.onDefault()))
	return expand(text, known)
}

// alwaysDefault are the events that GitHub runs for the default branch's last commit.
var alwaysDefault = pattern.New(`create|discussion|issues|schedule`)

func (e Event) onDefault() bool {
	return e.branch() != "" && e.branch() == e.DefaultBranch || e.Ref != "" && alwaysDefault.MatchString(e.Name)
}

// tokens are moment's, the longest first: https://momentjs.com/docs/#/displaying/format/
var tokens = pattern.New(`\[[^\]]*\]|YYYY|YY|MMMM|MMM|MM|Mo|M|DDDD|DDD|Do|DD|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|SSS|SS|S|ZZ|Z|A|a|Q|X|x|E|WW|W|GGGG`)

// layouts are the tokens that Go has a layout for.
var layouts = map[string]string{
	"YYYY": "2006", "YY": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "DDDD": "002", "DD": "02", "D": "2", "dddd": "Monday", "ddd": "Mon",
	"HH": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5", "ZZ": "-0700", "Z": "-07:00", "A": "PM", "a": "pm",
}

func moment(t time.Time, format string) string {
	if format == "" {
		format = "YYYY-MM-DDTHH:mm:ssZ"
	}
	return tokens.ReplaceAllStringFunc(format, func(token string) string {
		if token[0] == '[' {
			return token[1 : len(token)-1]
		}
		if layout, ok := layouts[token]; ok {
			return t.Format(layout)
		}
		year, week := t.ISOWeek()
		switch token {
		case "Do":
			return ordinal(t.Day())
		case "Mo":
			return ordinal(int(t.Month()))
		case "DDD":
			return strconv.Itoa(t.YearDay())
		case "H":
			return strconv.Itoa(t.Hour())
		case "Q":
			return strconv.Itoa((int(t.Month()) + 2) / 3)
		case "X":
			return strconv.FormatInt(t.Unix(), 10)
		case "x":
			return strconv.FormatInt(t.UnixMilli(), 10)
		case "E":
			return strconv.Itoa((int(t.Weekday())+6)%7 + 1)
		case "W":
			return strconv.Itoa(week)
		case "WW":
			return fmt.Sprintf("%02d", week)
		case "GGGG":
			return strconv.Itoa(year)
		}
		return fmt.Sprintf("%03d", t.Nanosecond()/1e6)[:len(token)] // S, SS, SSS
	})
}

func ordinal(n int) string {
	suffix := "th"
	if n%100/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
