package report

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/buenhyden/hy-home/internal/testkit/golden"
)

func TestHTML(t *testing.T) {
	page := HTML(sample())
	golden.Compare(t, "report.html", string(page))
	if dir := os.Getenv("REPORT_OUT"); dir != "" { // to look at it in a browser
		if err := os.WriteFile(filepath.Join(dir, "report.html"), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// loads are the attributes with which a page can reach for something.
var loads = []string{"src", "href", "xlink:href", "action", "data", "poster", "srcset", "background"}

// check fails when the page runs anything, loads anything, or holds an element
// that the template does not.
func check(t *testing.T, page []byte) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			if slices.Contains([]string{"script", "img", "iframe", "object", "embed", "link", "base", "form", "b2"}, n.Data) {
				t.Errorf("the page has a <%s>", n.Data)
			}
			for _, a := range n.Attr {
				if slices.Contains(loads, a.Key) && !strings.HasPrefix(a.Val, "#step-") {
					t.Errorf("<%s %s=%q> loads something", n.Data, a.Key, a.Val)
				}
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s %s> runs something", n.Data, a.Key)
				}
			}
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(doc)
	if m := regexp.MustCompile(`url\(|@import|ZgotmplZ`).Find(page); m != nil {
		t.Errorf("the page holds %q", m)
	}
}

func TestHTML_RunsAndLoadsNothing(t *testing.T) { check(t, HTML(sample())) }

func TestHTML_EmptyReport(t *testing.T) { check(t, HTML(Report{})) }

func FuzzHTML(f *testing.F) {
	for _, s := range []string{"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</style><script>", "</title><b2>", "</text></svg><b2>", "{{.}}", "]]>", "<!--", "javascript:alert(1)", "\x00\x1b[31m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check(t, HTML(Report{
			Title: s, Verdict: s, Status: Status(s), Start: at(0), End: at(9),
			Facts:    []Fact{{s, s}},
			Steps:    []Step{{Name: s, Lane: s, Detail: s, Status: Failed, Start: at(0), End: at(5), Needs: []string{s}}, {Name: "b", Needs: []string{s}, Start: at(5), End: at(9), Status: Status(s)}},
			Charts:   []Chart{{Title: s, Unit: s, Series: []Series{{s, []Point{{at(0), 1}, {at(9), 2}}}}, Limit: &Limit{Name: s, Value: 1}, Bands: []Band{{at(1), at(5), s}}, Marks: []Mark{{at(3), s}}}},
			Sections: []Section{{Title: s, Text: s, Log: s, Table: Table{Header: []string{s}, Rows: [][]string{{s}}}}},
		}))
	})
}

// The SVG must be well-formed XML too: people cut it out of the page.
func TestHTML_SVGIsXML(t *testing.T) {
	svgs := regexp.MustCompile(`(?s)<svg height.*?</svg>\n(</div>|<details>)`).FindAllString(string(HTML(sample())), -1)
	if len(svgs) != 2 {
		t.Fatalf("%d drawings, want 2", len(svgs))
	}
	for _, s := range svgs {
		s = strings.ReplaceAll(s[:strings.LastIndex(s, "</svg>")+6], "<br>", "<br/>")
		var any struct{}
		if err := xml.Unmarshal([]byte(s), &any); err != nil {
			t.Error(err)
		}
	}
}

func TestCriticalPath(t *testing.T) {
	got := criticalPath(sample().Steps)
	want := map[string]bool{"release v3": true, "release v2": true, "prometheus": true, "kind-cluster": true, "kind-net": true}
	if len(got) != len(want) {
		t.Errorf("%v, want %v", got, want)
	}
	for name := range want {
		if !got[name] {
			t.Errorf("%s is missing in %v", name, got)
		}
	}
	loop := []Step{{Name: "a", Needs: []string{"b"}, End: at(1)}, {Name: "b", Needs: []string{"a"}, End: at(2)}}
	if got := criticalPath(loop); len(got) != 2 {
		t.Errorf("a cycle: %v", got)
	}
}
