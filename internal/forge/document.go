package forge

import "strings"

// document is a GraphQL document on its way, with what its variables stand for: no value
// is ever part of the text.
type document struct {
	declared  []string
	variables map[string]any
	fragments []string
}

// about starts a document about the client's repository.
func (c *Client) about() *document {
	d := &document{variables: map[string]any{}}
	d.set("owner", "String!", c.owner)
	d.set("name", "String!", c.name)
	return d
}

// set declares a variable and returns how fields name it.
func (d *document) set(name, kind string, value any) string {
	if d.variables == nil {
		d.variables = map[string]any{}
	}
	d.declared = append(d.declared, "$"+name+": "+kind)
	d.variables[name] = value
	return "$" + name
}

// fragment adds one, once.
func (d *document) fragment(text string) {
	for _, f := range d.fragments {
		if f == text {
			return
		}
	}
	d.fragments = append(d.fragments, text)
}

// query reads fields of the repository, and others beside it.
func (d *document) query(inside, outside string) string {
	return d.text("query", "repository(owner: $owner, name: $name) { "+inside+" } "+outside)
}

// mutation does what fields say, one after the other.
func (d *document) mutation(fields ...string) string {
	return d.text("mutation", strings.Join(fields, " "))
}

func (d *document) text(kind, fields string) string {
	return kind + "(" + strings.Join(d.declared, ", ") + ") { " + fields + " } " + strings.Join(d.fragments, " ")
}
