package alloy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// module is Alloy's, whose packages are found below its directory.
const module = "github.com/grafana/alloy/"

// schema is what a body may have. The value tells whether it must.
type schema struct {
	attributes map[string]bool
	blocks     map[string]block
	open       bool // a type of another module: anything goes
}

type block struct {
	schema
	required bool
}

// component is what Alloy's source registers under a name.
type component struct {
	stability          string
	arguments, exports schema
}

// source reads the declarations of Alloy's packages.
type source struct {
	dir      string
	packages map[string]*pkg
}

type pkg struct {
	path  string
	types map[string]declared
	files []*ast.File
}

// declared is a type, and the imports of the file that it stands in.
type declared struct {
	spec    *ast.TypeSpec
	imports map[string]string
}

// components finds all that is registered below internal/component.
func (s *source) components() (map[string]component, error) {
	all := map[string]component{}
	root := filepath.Join(s.dir, "internal", "component")
	err := filepath.WalkDir(root, func(dir string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || e.Name() == "testdata" {
			return err
		}
		rel, err := filepath.Rel(s.dir, dir)
		if err != nil {
			return err
		}
		p, err := s.open(filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		for _, file := range p.files {
			imports := importsOf(file)
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.CompositeLit); ok && name(literal.Type) == "component.Registration" {
					fields := fieldsOf(literal)
					if title, ok := fields["Name"].(*ast.BasicLit); ok {
						text, _ := strconv.Unquote(title.Value)
						all[text] = component{
							stability: name(fields["Stability"]),
							arguments: s.ofValue(p, imports, fields["Args"]),
							exports:   s.ofValue(p, imports, fields["Exports"]),
						}
					}
				}
				return true
			})
		}
		return nil
	})
	return all, err
}

// open parses a package, once.
func (s *source) open(rel string) (*pkg, error) {
	if p := s.packages[rel]; p != nil {
		return p, nil
	}
	p := &pkg{path: rel, types: map[string]declared{}}
	s.packages[rel] = p
	entries, err := os.ReadDir(filepath.Join(s.dir, rel))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(s.dir, rel, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, file)
		imports := importsOf(file)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				p.types[spec.Name.Name] = declared{spec, imports}
			}
			return true
		})
	}
	return p, nil
}

// ofValue is the schema of a value of the form Type{}.
func (s *source) ofValue(p *pkg, imports map[string]string, value ast.Expr) schema {
	if literal, ok := value.(*ast.CompositeLit); ok {
		return s.of(p, imports, literal.Type)
	}
	return schema{}
}

// of is the schema of a type, through pointers, slices, other names and packages.
func (s *source) of(p *pkg, imports map[string]string, expr ast.Expr) schema {
	switch t := expr.(type) {
	case *ast.StarExpr:
		return s.of(p, imports, t.X)
	case *ast.ArrayType:
		return s.of(p, imports, t.Elt)
	case *ast.StructType:
		return s.ofFields(p, imports, t)
	case *ast.Ident:
		if d, ok := p.types[t.Name]; ok {
			return s.of(p, d.imports, d.spec.Type)
		}
	case *ast.SelectorExpr:
		rel, inside := strings.CutPrefix(imports[name(t.X)], module)
		if !inside {
			break
		}
		other, err := s.open(rel)
		if err != nil {
			break
		}
		if d, ok := other.types[t.Sel.Name]; ok {
			return s.of(other, d.imports, d.spec.Type)
		}
	}
	return schema{open: true}
}

func (s *source) ofFields(p *pkg, imports map[string]string, t *ast.StructType) schema {
	all := schema{attributes: map[string]bool{}, blocks: map[string]block{}}
	for _, field := range t.Fields.List {
		if field.Tag == nil {
			continue
		}
		text, _ := strconv.Unquote(field.Tag.Value)
		words := strings.Split(reflect.StructTag(text).Get("alloy"), ",")
		if len(words) < 2 {
			continue
		}
		required := words[len(words)-1] != "optional"
		switch words[1] {
		case "attr":
			all.attributes[words[0]] = required
		case "block":
			all.blocks[words[0]] = block{s.of(p, imports, field.Type), required}
		case "squash":
			inner := s.of(p, imports, field.Type)
			all.open = all.open || inner.open
			for name, required := range inner.attributes {
				all.attributes[name] = required
			}
			for name, b := range inner.blocks {
				all.blocks[name] = b
			}
		}
	}
	return all
}

func importsOf(file *ast.File) map[string]string {
	imports := map[string]string{}
	for _, i := range file.Imports {
		to, _ := strconv.Unquote(i.Path.Value)
		as := path.Base(to)
		if i.Name != nil {
			as = i.Name.Name
		}
		imports[as] = to
	}
	return imports
}

func fieldsOf(literal *ast.CompositeLit) map[string]ast.Expr {
	fields := map[string]ast.Expr{}
	for _, e := range literal.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			fields[name(pair.Key)] = pair.Value
		}
	}
	return fields
}

// name is an identifier with the package before it; "" for what is no name.
func name(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return fmt.Sprintf("%s.%s", name(e.X), e.Sel.Name)
	}
	return ""
}
