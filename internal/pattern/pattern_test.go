package pattern

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestRegexp_IsAsPackageRegexpHasIt(t *testing.T) {
	const expression, text = `(\w)(\d+)`, "a1 b22 c333"
	lazy, plain := New(expression), regexp.MustCompile(expression)
	for name, both := range map[string][2]any{
		"MatchString":          {lazy.MatchString(text), plain.MatchString(text)},
		"FindString":           {lazy.FindString(text), plain.FindString(text)},
		"FindStringSubmatch":   {lazy.FindStringSubmatch(text), plain.FindStringSubmatch(text)},
		"FindSubmatch":         {lazy.FindSubmatch([]byte(text)), plain.FindSubmatch([]byte(text))},
		"FindAllString":        {lazy.FindAllString(text, 2), plain.FindAllString(text, 2)},
		"ReplaceAllString":     {lazy.ReplaceAllString(text, "$2$1"), plain.ReplaceAllString(text, "$2$1")},
		"ReplaceAllStringFunc": {lazy.ReplaceAllStringFunc(text, strings.ToUpper), plain.ReplaceAllStringFunc(text, strings.ToUpper)},
	} {
		if !reflect.DeepEqual(both[0], both[1]) {
			t.Errorf("%s: %v, want %v", name, both[0], both[1])
		}
	}
}

func TestNew_TellsATestOfAWrongExpressionAtOnce(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("nobody is told before it is used")
		}
	}()
	New("(")
}
