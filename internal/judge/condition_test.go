package judge

import (
	"math"
	"strings"
	"testing"
)

var nan = math.NaN()

// TestCondition_AsArgoAndWhereStricter compares with what Argo Rollouts v1.10
// answers (argo; "" means the same), which its own evaluator was asked for.
func TestCondition_AsArgoAndWhereStricter(t *testing.T) {
	vector := func(v ...float64) []float64 { return append([]float64{}, v...) }
	for _, c := range []struct {
		success, failure string
		value            any
		want, argo       Outcome
	}{
		{"result[0] < 0.05", "", vector(0.01), Successful, ""},
		{"result[0] < 0.05", "", vector(0.05), Failed, ""},
		{"result < 0.05", "", 0.01, Successful, ""},
		{"", "result[0] >= 0.05", vector(0.01), Successful, ""},
		{"", "result[0] >= 0.05", vector(0.5), Failed, ""},

		// Both given: failure wins, neither is no answer.
		{"result[0] < 1", "result[0] < 2", vector(0.5), Failed, ""},
		{"result[0] < 1", "result[0] > 2", vector(1.5), Inconclusive, ""},

		// No data.
		{"result[0] >= 0.95", "", vector(), NoData, Error},
		{"all(result, # >= 0.95)", "", vector(), NoData, Successful},
		{"none(result, # < 0.95)", "", vector(), NoData, Successful},
		{"count(result, # < 0.95) == 0", "", vector(), NoData, Successful},
		{"len(result) == 0 || result[0] < 1", "", vector(), NoData, Successful},
		{"isNil(result)", "", vector(), NoData, Failed},
		{"default(result, 0) == 0", "", vector(), NoData, Failed},

		// NaN, where Argo is silent about a failure condition alone.
		{"", "result[0] < 0.95", vector(nan), NoData, Successful},
		{"not (result[0] < 0.95)", "", vector(nan), NoData, Successful},
		{"result[0] >= 0.95", "", vector(nan), Failed, ""},
		{"result[0] >= 0.95", "result[0] < 0.95", vector(nan), NoData, Inconclusive},
		{"result[0] >= 0.95", "", vector(1, nan), NoData, Successful},
		{"result != 0", "", nan, NoData, Successful},
		{"isNaN(result[0]) || result[0] >= 0.95", "", vector(nan), Successful, ""},
		{"isNaN(result) || result >= 0.95", "", nan, Successful, ""},
		{"!isNaN(result[0]) && result[0] >= 0.95", "", vector(nan), Failed, ""},

		// Documented or advised, and wrong.
		{"isNaN(result) || result >= 0.95", "", vector(1), Error, ""},
		{"len(result) > 0 && result[0] in 0..1", "", vector(0.5), Failed, ""},
		{"result[1] > 0", "", vector(1), Error, ""},

		// The functions.
		{"isInf(result[0])", "", vector(math.Inf(-1)), Successful, ""},
		{"asInt(result[0]) == 3", "", vector(3.9), Successful, ""},
		{"asFloat('0.5') < result[0]", "", vector(1), Successful, ""},
		{"asInt('x') == 1", "", vector(1), Error, ""},
		{"asFloat(true) == 1", "", vector(1), Error, ""},
		{"default(result, 0)[0] == 1", "", vector(1), Successful, ""},
		{"!isNil(result)", "", vector(1), Successful, ""},
		{"all(result, # < 1) && len(result) == 2", "", vector(0.1, 0.2), Successful, ""},
		{"any(result, isNaN(#)) ? false : result[0] < 1", "", vector(0.1), Successful, ""},
	} {
		condition, err := Compile(c.success, c.failure)
		if err != nil {
			t.Errorf("Compile(%q, %q): %v", c.success, c.failure, err)
			continue
		}
		got, message := condition.Judge(c.value)
		if got != c.want {
			t.Errorf("%q / %q of %v: %s (%s), want %s", c.success, c.failure, c.value, got, message, c.want)
		}
		if needs := got != Successful && got != Failed; needs != (message != "") {
			t.Errorf("%q / %q of %v: %s with message %q", c.success, c.failure, c.value, got, message)
		}
		if c.argo == "" {
			c.argo = c.want
		}
		if argo, _ := Evaluate(c.success, c.failure, c.value); argo != c.argo {
			t.Errorf("%q / %q of %v: Argo's rule gives %s here, want %s", c.success, c.failure, c.value, argo, c.argo)
		}
	}
}

func TestCompile_RefusesWhatCanNeverBeJudged(t *testing.T) {
	for _, c := range []struct{ success, failure, want string }{
		{"", "", "every value would pass"},
		{"result[0] <", "", "unexpected token"},
		{"1 + 1", "", "expected bool"},
		{"result && result[0] > 1", "", "invalid operation"},
		{"rslt[0] < 1", "", "unknown name rslt"},
		{"result[0] < 1", "system('x')", "unknown name system"},
		{"", "nope(", "unexpected token"},
	} {
		_, err := Compile(c.success, c.failure)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Compile(%q, %q): %v, want one line with %q", c.success, c.failure, err, c.want)
		}
	}
}

func TestCondition_Bound(t *testing.T) {
	for _, c := range []struct {
		success, failure string
		want             Bound
		ok               bool
	}{
		{"result[0] < 0.05", "", Bound{0.05, false}, true},
		{"len(result) > 0 && result[0] < 0.05", "", Bound{0.05, false}, true},
		{"all(result, # <= 3)", "", Bound{3, false}, true},
		{"none(result, # < 3)", "", Bound{3, true}, true},
		{"0.95 <= result", "", Bound{0.95, true}, true},
		{"result[0] >= 0.95", "", Bound{0.95, true}, true},
		{"", "result[0] < 0.95", Bound{0.95, true}, true},
		{"not isNaN(result[0]) and not (result[0] < 0.95)", "", Bound{0.95, true}, true},
		{"count(result, # > 5) == 0", "", Bound{}, false},
		{"result[0] > 1 && result[0] < 2", "", Bound{}, false},
		{"result[0] < 1", "result[0] > 2", Bound{}, false},
		{"isNaN(result[0])", "", Bound{}, false},
	} {
		condition, err := Compile(c.success, c.failure)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := condition.Bound(); ok != c.ok || got != c.want {
			t.Errorf("Bound of %q / %q: %v %v, want %v %v", c.success, c.failure, got, ok, c.want, c.ok)
		}
	}
}

// FuzzJudge: whatever the expression, it neither panics nor lets no data pass.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{"result[0] < 0.05", "all(result, true)", "true", "not (result[0] > 1)", "asInt('1') == 1", "len(result) == 0"} {
		f.Add(s, "", 0.5)
		f.Add("", s, nan)
	}
	f.Fuzz(func(t *testing.T, success, failure string, v float64) {
		if len(success)+len(failure) > 200 || strings.Contains(success+failure, "..") {
			t.Skip("ranges may be asked for so large that evaluating them takes long")
		}
		c, err := Compile(success, failure)
		if err != nil {
			return
		}
		if got, _ := c.Judge([]float64{}); got == Successful {
			t.Errorf("%q / %q: no data passes", success, failure)
		}
		if got, _ := c.Judge([]float64{v, nan}); got == Successful && !strings.Contains(success+failure, "isNaN") {
			t.Errorf("%q / %q: NaN passes", success, failure)
		}
		c.Judge(v)
	})
}
