package forge

import (
	"encoding/json"
	"strconv"

	"github.com/buenhyden/hy-home/internal/gittree"
)

// treeEntry is GraphQL's TreeEntry, as far as entryFields asks.
type treeEntry struct {
	Name   string
	Mode   int64
	OID    string
	Object *treeObject
}

type treeObject struct {
	Text        *string
	IsTruncated bool
	Entries     []treeEntry
}

const (
	blobFields  = `... on Blob { text isTruncated }`
	entryFields = `fragment entry on TreeEntry { name mode oid object { __typename ` + blobFields + ` ... on Tree { entries { name mode oid object { __typename ` + blobFields + ` } } } } }`
	nameFields  = `fragment names on TreeEntry { name mode oid object { __typename ... on Tree { entries { name mode oid } } } }`
)

// pieces asks for paths of a commit: the fields p0, p1, ... of it.
func (d *document) pieces(paths []string) (fields string) {
	for i, name := range paths {
		n := "p" + strconv.Itoa(i)
		if name == "." {
			fields += " " + n + ": tree { entries { name mode oid object { __typename " + blobFields + " } } }"
			continue
		}
		d.fragment(entryFields)
		fields += " " + n + ": file(path: " + d.set(n, "String!", name) + ") { ...entry }"
	}
	return fields
}

// names asks for the same paths of another commit, without texts.
func (d *document) names(paths []string) (fields string) {
	for i, name := range paths {
		n := "p" + strconv.Itoa(i)
		if name == "." {
			fields += " " + n + ": tree { entries { name mode oid } }"
			continue
		}
		d.fragment(nameFields)
		fields += " " + n + ": file(path: $" + n + ") { ...names }"
	}
	return fields
}

// pieces are what [document.pieces] asked for, by its field names.
type pieces map[string]*treeEntry

// UnmarshalJSON takes the fields p0, p1, ... of a commit and leaves the others.
func (p *pieces) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*p = pieces{}
	for name, value := range fields {
		if len(name) < 2 || name[0] != 'p' || name[1] < '0' || name[1] > '9' || string(value) == "null" {
			continue
		}
		var e struct {
			treeEntry
			Entries []treeEntry // of the field tree: the top
		}
		if err := json.Unmarshal(value, &e); err != nil {
			return err
		}
		if e.Mode == 0 {
			e.Mode, e.Object = gittree.ModeDir, &treeObject{Entries: e.Entries}
		}
		(*p)[name] = &e.treeEntry
	}
	return nil
}

// entries are the pieces in the order of the paths.
func (p pieces) entries(paths []string) []gittree.Entry {
	all := make([]gittree.Entry, len(paths))
	for i := range paths {
		if e := p["p"+strconv.Itoa(i)]; e != nil {
			all[i] = e.entry()
		}
	}
	return all
}

func (t treeEntry) entry() gittree.Entry {
	e := gittree.Entry{Name: t.Name, Mode: t.Mode, OID: t.OID}
	if t.Object == nil {
		return e
	}
	// The API gives text in UTF-8, cut when it is long: only what hashes to Git's own name
	// is the file.
	if text := t.Object.Text; text != nil && !t.Object.IsTruncated && gittree.BlobID([]byte(*text)) == t.OID {
		e.Text, e.HasText = []byte(*text), true
	}
	for _, child := range t.Object.Entries {
		e.Entries = append(e.Entries, child.entry())
	}
	return e
}
