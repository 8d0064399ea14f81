package same

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/evaluate"
	logutil "github.com/argoproj/argo-rollouts/utils/log"
)

// TestEval_OfRandomExpressions compares phase and error of random values under
// random expressions, the wrong ones included.
func TestEval_OfRandomExpressions(t *testing.T) {
	r := random(3)
	log := logutil.WithAnalysisRun(&v1alpha1.AnalysisRun{})
	type answer struct{ Phase, Error string }
	var asked []any
	var want []answer
	ends := map[string]int{}
	for range questions {
		value, inJSON := randomValue(r)
		success, failure := "", ""
		if r.IntN(5) > 0 {
			success = randomExpression(r, 3)
		}
		if r.IntN(3) == 0 {
			failure = randomExpression(r, 3)
		}
		phase, err := evaluate.EvaluateResult(value, v1alpha1.Metric{SuccessCondition: success, FailureCondition: failure}, *log)
		a := answer{Phase: string(phase)}
		if err != nil {
			a.Error = err.Error()
		}
		asked = append(asked, object{"success": success, "failure": failure, "result": inJSON})
		want = append(want, a)
		ends[a.Phase]++
	}
	found := 0
	for i, a := range ask[answer](t, "eval", asked) {
		if a.Phase != want[i].Phase || words(a.Error) != words(want[i].Error) {
			differ(t, &found, asked[i], "%+v, Argo has %+v", a, want[i])
		}
	}
	t.Logf("%d expressions, %d differences; they end as %v", len(asked), found, ends)
	if ends["Successful"] < 500 || ends["Failed"] < 500 || ends["Error"] < 500 || ends["Inconclusive"] < 50 {
		t.Errorf("the questions are too much alike: %v", ends)
	}
}

// words is an error without what differs for no reason: what a function is
// called in memory.
func words(s string) string {
	if i := strings.Index(s, "0x"); i >= 0 {
		s = s[:i]
	}
	return s
}

// randomValue is a value as the provider makes it, and as JSON writes it.
func randomValue(r *rand.Rand) (value, inJSON any) {
	number := func() (float64, any) {
		switch r.IntN(8) {
		case 0:
			return math.NaN(), "NaN"
		case 1:
			return math.Inf(1), "+Inf"
		case 2:
			return math.Inf(-1), "-Inf"
		}
		v := pick(r, 0, 1, 0.5, 0.95, 2, -1, 1e300, 0.1)
		return v, v
	}
	if r.IntN(3) == 0 {
		return number()
	}
	vector, list := []float64{}, []any{}
	for range r.IntN(4) {
		v, j := number()
		vector, list = append(vector, v), append(list, j)
	}
	return vector, list
}

// randomExpression writes what people write, and sometimes nonsense.
func randomExpression(r *rand.Rand, depth int) string {
	if depth > 0 {
		sub := func() string { return randomExpression(r, depth-1) }
		switch r.IntN(9) {
		case 0:
			return "(" + sub() + ") && (" + sub() + ")"
		case 1:
			return sub() + " || " + sub()
		case 2:
			return "not (" + sub() + ")"
		case 3:
			return "!(" + sub() + ")"
		case 4:
			return sub() + " ? " + sub() + " : " + sub()
		}
	}
	operand := func() string {
		return pick(r, "result", "result[0]", "result[0]", "result[0]", "result[1]", "result[-1]", "len(result)", "asInt(result[0])", "asFloat(result[0])", "asInt(result)", "asFloat('0.5')", "asInt('x')",
			"default(result, 0)", "default(result[0], 1)", "default(result, [1])[0]", "max(result)", "min(result)", "mean(result)", "median(result)", "sum(result)", "abs(result[0])", "result?.[0]",
			"first(result)", "last(result)", "string(result[0])", "float(result[0])", "int(result[0])", "asInt(duration('1h'))", "asFloat(true)", "result[0] / 0", "result[0] * 100", "ceil(result[0])", "missing", "result.x")
	}
	constant := strconv.FormatFloat(pick(r, 0, 1, 0.5, 0.95, 2, 100), 'g', -1, 64)
	switch r.IntN(16) {
	case 0:
		return pick(r, "all", "any", "none", "one") + "(result, # " + pick(r, "<", ">=", "==", "!=") + " " + constant + ")"
	case 1:
		return "count(result, # > " + constant + ") " + pick(r, "==", ">", "<=") + " " + pick(r, "0", "1", "2")
	case 2:
		return pick(r, "isNaN", "isInf", "isNil") + "(" + operand() + ")"
	case 3:
		return operand() + " in " + pick(r, "0..1", "[0, 1, 0.5]", "result")
	case 4:
		return pick(r, "true", "false", "", "1 + 1", "nil", "'text'", "result[0] == \"0\"", "result[0] =", "result && result[0] > 1", "isNaN(result) || result >= 0.95", "len(result) > 0 && result[0] < 1", "filter(result, # > 0)[0] > 0", "any(result, isNaN(#))")
	}
	return operand() + " " + pick(r, "<", "<=", ">", ">=", "==", "!=") + " " + pick(r, constant, constant, constant, operand())
}
