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
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
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
	}
	c.asksNaN = Calls("isNaN", success, failure)
	return c, nil
}

// check compiles an expression for both types a result can have. One fit is
// enough; that of a vector explains a misfit, since nearly all results are vectors.
func check(text string) error {
	_, vector := compile(text, []float64{}, expr.AsBool())
	if vector == nil {
		return nil
	}
	if _, scalar := compile(text, 0.0, expr.AsBool()); scalar == nil {
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
	outcome, err := Evaluate(c.success, c.failure, value)
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

func hasNaN(value any) bool {
	switch v := value.(type) {
	case float64:
		return math.IsNaN(v)
	case []float64:
		return slices.ContainsFunc(v, math.IsNaN)
	}
	return false
}

// Calls reports whether one of the expressions calls a function of that name.
func Calls(name string, texts ...string) bool {
	return anyNode(texts, func(node ast.Node) bool {
		call, ok := node.(*ast.CallNode)
		if !ok {
			return false
		}
		id, ok := call.Callee.(*ast.IdentifierNode)
		return ok && id.Value == name
	})
}

// InRange reports whether one of the expressions looks for a value in a range such
// as 0..1, which holds whole numbers alone.
func InRange(texts ...string) bool {
	return anyNode(texts, func(node ast.Node) bool {
		in, ok := node.(*ast.BinaryNode)
		if !ok || in.Operator != "in" {
			return false
		}
		among, ok := in.Right.(*ast.BinaryNode)
		return ok && among.Operator == ".."
	})
}

func anyNode(texts []string, is func(ast.Node) bool) bool {
	f := &finder{is: is}
	for _, text := range texts {
		if tree, err := parser.Parse(text); err == nil {
			ast.Walk(&tree.Node, f)
		}
	}
	return f.found
}

type finder struct {
	is    func(ast.Node) bool
	found bool
}

// Visit implements ast.Visitor.
func (f *finder) Visit(node *ast.Node) { f.found = f.found || f.is(*node) }
