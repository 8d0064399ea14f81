package main

import (
	"strings"
	"testing"
)

const said = `{"config": {"protocol_version": "v1.0.0"}}
{"progress": {"message": "Scanning your code"}}
{"osv": {"id": "GO-2026-0001", "summary": "reached"}}
{"osv": {"id": "GO-2026-0002", "summary": "only required"}}
{"finding": {"osv": "GO-2026-0001", "fixed_version": "v1.2.0", "trace": [{"module": "example.com/a", "version": "v1.0.0"}]}}
{"finding": {"osv": "GO-2026-0001", "fixed_version": "v1.2.0", "trace": [{"module": "example.com/a", "version": "v1.0.0", "package": "example.com/a", "function": "Open"}, {"function": "main"}]}}
{"finding": {"osv": "GO-2026-0002", "trace": [{"module": "example.com/b", "version": "v1.0.0", "package": "example.com/b"}]}}
`

func TestTell_OnlyWhatIsReachedAndNewFails(t *testing.T) {
	holes, err := reached(strings.NewReader(said))
	if err != nil || len(holes) != 1 {
		t.Fatalf("got %v, %v: one hole is reached", holes, err)
	}
	for known, want := range map[string]struct{ text, err string }{
		"":                                      {"GO-2026-0001  example.com/a v1.0.0 (fixed in v1.2.0): reached\n    NEW: https://pkg.go.dev/vuln/GO-2026-0001\n", "1 new of 1 holes"},
		"# why\nGO-2026-0001  held back by b\n": {"GO-2026-0001  example.com/a v1.0.0 (fixed in v1.2.0): reached\n    held back by b\n", ""},
		"GO-2026-0001 x\nGO-2026-0002  nobody calls it any more, see b": {"GO-2026-0002  is not found any more: take it out of known.txt\n", ""},
	} {
		list, err := parseKnown(known)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = tell(&out, holes, list)
		if !strings.Contains(out.String(), want.text) {
			t.Errorf("%q: got %s\nwant %s", known, out.String(), want.text)
		}
		if (err != nil) != (want.err != "") || err != nil && !strings.Contains(err.Error(), want.err) {
			t.Errorf("%q: %v, want %q", known, err, want.err)
		}
	}
}

func TestReached_AnAnswerThatBreaksOffIsNoAllClear(t *testing.T) {
	for _, text := range []string{"", "{}", said[:len(said)-20], "no JSON"} {
		if holes, err := reached(strings.NewReader(text)); err == nil {
			t.Errorf("%q: no error, and %d holes", text, len(holes))
		}
	}
}

func TestKnown_IsAListOfIdsWithReasons(t *testing.T) {
	if known, err := parseKnown(knownText); err != nil {
		t.Errorf("known.txt: %v (%d entries)", err, len(known))
	}
	for _, text := range []string{"GO-2026-0001", "CVE-2026-1 why", "GO-2026-0001 a\nGO-2026-0001 b"} {
		if _, err := parseKnown(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
