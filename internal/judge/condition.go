// Package judge turns measurements into a verdict.
//
// A [Condition] says of one value whether it is good, in the expression language
// and with the functions of Argo Rollouts, so that one text serves an
// AnalysisTemplate in the cluster and a gate in CI. A [Tally] says of all
// measurements so far whether they suffice. The package is pure.
//
// In one thing it is stricter than Argo on purpose: no data is never a pass.
// Argo takes `all(result, # < 0.05)` on an empty result, and a failure condition
// such as `result[0] > 0.05` on NaN, for success.
package judge

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// Outcome is what a condition says of one value.
type Outcome string

// The outcomes; all but NoData are Argo's phases of a measurement.
const (
	Successful   Outcome = "Successful"
	Failed       Outcome = "Failed"
	Inconclusive Outcome = "Inconclusive" // neither the success nor the failure condition holds
	NoData       Outcome = "NoData"       // an empty result, or NaN that the condition does not ask about
	Error        Outcome = "Error"        // the query or the expression could not be evaluated
)

// Condition judges one value. Make it with [Compile].
type Condition struct {
	success, failure string // one may be empty
	asksNaN          bool   // an expression calls isNaN: its author has decided what NaN means
}

// Compile checks the expressions. Both are optional, but not at once: Argo would
// take every value for good then. With only one of them the other is its
// opposite; when both hold, failure wins; when neither does, the outcome is
// [Inconclusive].
func Compile(success, failure string) (Condition, error) {
	if success == "" && failure == "" {
		return Condition{}, errors.New("without a condition every value would pass")
	}
	c := Condition{success: success, failure: failure}
	for _, text := range []string{success, failure} {
		if text == "" {
			continue
		}
		if err := check(text); err != nil {
			return Condition{}, fmt.Errorf("%q: %w", text, err)
		}
		c.asksNaN = c.asksNaN || calls(text, "isNaN")
	}
	return c, nil
}

// check compiles an expression for both types a result can have. One fit is
// enough; that of a vector explains a misfit, since nearly all results are vectors.
func check(text string) error {
	_, vector := compile(text, []float64{})
	if vector == nil {
		return nil
	}
	if _, scalar := compile(text, 0.0); scalar == nil {
		return nil
	}
	return vector
}

// Judge applies the condition to a float64 or a []float64. The message explains
// every outcome that is neither [Successful] nor [Failed].
func (c Condition) Judge(value any) (Outcome, string) {
	if vector, ok := value.([]float64); ok && len(vector) == 0 {
		return NoData, "the query gave no data"
	}
	outcome, err := c.evaluate(value)
	switch {
	case err != nil:
		return Error, err.Error()
	case outcome != Failed && hasNaN(value) && !c.asksNaN:
		return NoData, "the query gave NaN, and the condition does not say what that means (it can, with isNaN)"
	case outcome == Inconclusive:
		return Inconclusive, "neither the success nor the failure condition holds"
	}
	return outcome, ""
}

// evaluate follows Argo's EvaluateResult (utils/evaluate/evaluate.go).
func (c Condition) evaluate(value any) (Outcome, error) {
	var good, bad bool
	var err error
	if c.success != "" {
		if good, err = run(c.success, value); err != nil {
			return Error, fmt.Errorf("condition %q: %w", c.success, err)
		}
	}
	if c.failure != "" {
		if bad, err = run(c.failure, value); err != nil {
			return Error, fmt.Errorf("failure condition %q: %w", c.failure, err)
		}
	}
	switch {
	case c.failure == "":
		bad = !good
	case c.success == "":
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

func hasNaN(value any) bool {
	switch v := value.(type) {
	case float64:
		return math.IsNaN(v)
	case []float64:
		return slices.ContainsFunc(v, math.IsNaN)
	}
	return false
}

// calls reports whether the expression calls a function of that name.
func calls(text, name string) bool {
	tree, err := parser.Parse(text)
	if err != nil {
		return false
	}
	finder := &callFinder{name: name}
	ast.Walk(&tree.Node, finder)
	return finder.found
}

type callFinder struct {
	name  string
	found bool
}

// Visit implements ast.Visitor.
func (f *callFinder) Visit(node *ast.Node) {
	if call, ok := (*node).(*ast.CallNode); ok {
		if id, ok := call.Callee.(*ast.IdentifierNode); ok && id.Value == f.name {
			f.found = true
		}
	}
}

// compiled is an expression made for the type of one value, with its environment.
type compiled struct {
	run func() (any, error)
}

// compile makes the expression for a value's type: Argo compiles anew for each
// measurement too, which is how `isNaN(result)` is an error for a vector.
func compile(text string, value any) (compiled, error) {
	env := environment(value)
	program, err := expr.Compile(text, expr.Env(env), expr.AsBool())
	if err != nil {
		return compiled{}, short(err)
	}
	return compiled{run: func() (any, error) { return expr.Run(program, env) }}, nil
}

func run(text string, value any) (bool, error) {
	c, err := compile(text, value)
	if err != nil {
		return false, err
	}
	out, err := c.run()
	if err != nil {
		return false, short(err)
	}
	answer, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("expected bool, but got %T", out)
	}
	return answer, nil
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
		"isInf":   func(f float64) bool { return math.IsInf(f, 0) },
		"isNil":   func(any) bool { return isNil(value) },
		"default": func(_, otherwise any) any {
			if isNil(value) {
				return otherwise
			}
			return value
		},
	}
}

func isNil(value any) bool {
	if value == nil {
		return true
	}
	v := reflect.ValueOf(value)
	return v.Kind() == reflect.Slice && v.IsNil()
}

// asFloat and asInt convert numbers and text. What they cannot convert is an
// error, not a panic: the library hands the error on.

func asFloat(in any) (float64, error) {
	if s, ok := in.(string); ok {
		return strconv.ParseFloat(s, 64)
	}
	v := reflect.ValueOf(in)
	switch {
	case v.IsValid() && v.CanFloat():
		return v.Float(), nil
	case v.IsValid() && v.CanInt():
		return float64(v.Int()), nil
	case v.IsValid() && v.CanUint():
		return float64(v.Uint()), nil
	}
	return 0, fmt.Errorf("asFloat() not supported on %T %v", in, in)
}

func asInt(in any) (int64, error) {
	if s, ok := in.(string); ok {
		return strconv.ParseInt(s, 10, 64)
	}
	f, err := asFloat(in)
	if err != nil {
		return 0, fmt.Errorf("asInt() not supported on %T %v", in, in)
	}
	if v := reflect.ValueOf(in); v.CanInt() {
		return v.Int(), nil
	}
	return int64(f), nil
}
