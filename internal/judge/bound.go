package judge

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// Bound is a number that good values do not cross.
type Bound struct {
	Value   float64
	AtLeast bool // good values lie above it
}

// Bound returns the number that the condition compares with, for a line in a
// chart. It answers only when there is exactly one: "result[0] < 0.05" has 0.05,
// "len(result) > 0 && result[0] < 0.05" has it too, a range has none.
func (c Condition) Bound() (Bound, bool) {
	var found []Bound
	for i, text := range []string{c.success, c.failure} {
		if tree, err := parser.Parse(text); text != "" && err == nil {
			found = append(found, bounds(tree.Node, i == 0)...)
		}
	}
	if len(found) != 1 {
		return Bound{}, false
	}
	return found[0], true
}

// bounds collects what values of the result are compared with, not what its
// length is; good is whether the expression says what is good or what is bad.
func bounds(node ast.Node, good bool) []Bound {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return bounds(n.Node, !good)
		}
	case *ast.PredicateNode:
		return bounds(n.Node, good)
	case *ast.BuiltinNode:
		if len(n.Arguments) == 2 && (n.Name == "all" || n.Name == "any" || n.Name == "none") {
			return bounds(n.Arguments[1], good == (n.Name != "none"))
		}
	case *ast.BinaryNode:
		above := false
		switch n.Operator {
		case "<", "<=":
		case ">", ">=":
			above = true
		case "&&", "and", "||", "or":
			return append(bounds(n.Left, good), bounds(n.Right, good)...)
		default:
			return nil
		}
		if v, ok := constant(n.Right); ok && isValue(n.Left) {
			return []Bound{{v, above == good}}
		}
		if v, ok := constant(n.Left); ok && isValue(n.Right) {
			return []Bound{{v, above != good}}
		}
	}
	return nil
}

// isValue reports whether the node is the result or one of its elements.
func isValue(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.MemberNode:
		return isValue(n.Node)
	case *ast.IdentifierNode:
		return n.Value == "result"
	case *ast.PointerNode: // the # of all(result, # < 1)
		return true
	}
	return false
}

func constant(node ast.Node) (float64, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	}
	return 0, false
}
