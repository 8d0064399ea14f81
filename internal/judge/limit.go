package judge

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// Limit returns the number that the condition compares with, for a line in a
// chart. It answers only when there is exactly one: "result[0] < 0.05" has 0.05,
// "len(result) > 0 && result[0] < 0.05" has it too, a range has none.
func (c Condition) Limit() (float64, bool) {
	finder := &limitFinder{}
	for _, text := range []string{c.success, c.failure} {
		if tree, err := parser.Parse(text); text != "" && err == nil {
			ast.Walk(&tree.Node, finder)
		}
	}
	if len(finder.found) != 1 {
		return 0, false
	}
	return finder.found[0], true
}

type limitFinder struct{ found []float64 }

// Visit implements ast.Visitor: it collects what values of the result are
// compared with, not what its length is.
func (f *limitFinder) Visit(node *ast.Node) {
	compare, ok := (*node).(*ast.BinaryNode)
	if !ok {
		return
	}
	switch compare.Operator {
	case "<", "<=", ">", ">=":
	default:
		return
	}
	if v, ok := constant(compare.Right); ok && isValue(compare.Left) {
		f.found = append(f.found, v)
	}
	if v, ok := constant(compare.Left); ok && isValue(compare.Right) {
		f.found = append(f.found, v)
	}
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
