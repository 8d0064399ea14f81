package judge

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Evaluate is what Argo Rollouts v1.10 says of one value (utils/evaluate): one of
// its phases, with an error where that is Error. It is kept to the letter, also
// where [Condition.Judge] is stricter: without any condition every value passes.
func Evaluate(success, failure string, value any) (Outcome, error) {
	var good, bad bool
	var err error
	if success != "" {
		if good, err = run(success, value); err != nil {
			return Error, explained(err, "successCondition", success, value)
		}
	}
	if failure != "" {
		if bad, err = run(failure, value); err != nil {
			return Error, explained(err, "failureCondition", failure, value)
		}
	}
	switch {
	case success == "" && failure == "":
		return Successful, nil
	case failure == "":
		bad = !good
	case success == "":
		good = !bad
	}
	switch {
	case bad:
		return Failed, nil
	case good:
		return Successful, nil
	}
	return Inconclusive, nil
}

// explained says of a failed evaluation what Argo says.
func explained(err error, kind, text string, value any) error {
	if isNil(value) || emptyList(value) {
		return fmt.Errorf("could not evaluate %s %q: metric result is nil or empty: no data returned from the metric provider", kind, raw(text))
	}
	return fmt.Errorf("could not evaluate %s %q: %w", kind, raw(text), err)
}

// raw prints under %q as Argo prints: the text between quotes, nothing escaped.
type raw string

// Format implements fmt.Formatter.
func (r raw) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "\"%s\"", string(r)) }

// EvaluateTime evaluates the start or end of a range query, such as
// now() - duration("1h"), at the moment that is now.
func EvaluateTime(text string, now time.Time) (time.Time, error) {
	env := map[string]any{"isNaN": math.IsNaN, "isInf": isInf, "now": func() time.Time { return now }}
	program, err := expr.Compile(text, expr.Env(env), expr.DisableBuiltin("now"))
	if err != nil {
		return time.Time{}, short(err)
	}
	out, err := expr.Run(program, env)
	if err != nil {
		return time.Time{}, short(err)
	}
	at, ok := out.(time.Time)
	if !ok {
		return time.Time{}, fmt.Errorf("expected time.Time, but got %T", out)
	}
	return at, nil
}

// run compiles anew for the type of each value, as Argo does for each
// measurement: that is how `isNaN(result)` is an error for a vector.
func run(text string, value any) (bool, error) {
	program, err := compile(text, value)
	if err != nil {
		return false, err
	}
	out, err := expr.Run(program, environment(value))
	if err != nil {
		return false, short(err)
	}
	answer, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("expected bool, but got %T", out)
	}
	return answer, nil
}

func compile(text string, value any, options ...expr.Option) (*vm.Program, error) {
	program, err := expr.Compile(text, append(options, expr.Env(environment(value)))...)
	return program, short(err)
}

// short drops the drawing of the place that the library puts under its message.
func short(err error) error {
	var at *file.Error
	if errors.As(err, &at) {
		return errors.New(at.Message)
	}
	return err
}

// environment is what an expression can use. isNil and default look at the
// result whatever their argument is; that is how Argo has it.
func environment(value any) map[string]any {
	return map[string]any{
		"result":  value,
		"asInt":   asInt,
		"asFloat": asFloat,
		"isNaN":   math.IsNaN,
		"isInf":   isInf,
		"isNil":   func(any) bool { return isNil(value) },
		"default": func(_, otherwise any) any {
			if isNil(value) {
				return otherwise
			}
			return value
		},
	}
}

func isInf(f float64) bool { return math.IsInf(f, 0) }

func isNil(value any) bool {
	if value == nil {
		return true
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
		return v.IsNil()
	}
	return false
}

func emptyList(value any) bool {
	v := reflect.ValueOf(value)
	return v.Kind() == reflect.Slice && v.Len() == 0
}

// asFloat and asInt convert the plain number types and text; a named type, such
// as a duration, is none to Argo. What they cannot convert is an error, not a
// panic: the library hands either on as the same.

func asFloat(in any) (float64, error) {
	switch v := in.(type) {
	case string:
		return strconv.ParseFloat(v, 64)
	case float64:
		return v, nil
	case float32:
		return float64(v), nil
	case int, int64, int32, int16, int8:
		return float64(reflect.ValueOf(v).Int()), nil
	case uint, uint64, uint32, uint16, uint8:
		return float64(reflect.ValueOf(v).Uint()), nil
	}
	return 0, fmt.Errorf("asFloat() not supported on %v %v", reflect.TypeOf(in), in)
}

func asInt(in any) (int64, error) {
	switch v := in.(type) {
	case string:
		return strconv.ParseInt(v, 10, 64)
	case float64:
		return int64(v), nil
	case float32:
		return int64(v), nil
	case int, int64, int32, int16, int8:
		return reflect.ValueOf(v).Int(), nil
	case uint, uint64, uint32, uint16, uint8:
		return int64(reflect.ValueOf(v).Uint()), nil
	}
	return 0, fmt.Errorf("asInt() not supported on %v %v", reflect.TypeOf(in), in)
}
