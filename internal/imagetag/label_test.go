package imagetag

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var hello = Repository{Name: "Hello-World", Description: "This your first repo!", URL: "https://github.com/octocat/Hello-World", License: "MIT"}

// plainLabels are those that metadata-action makes of the repository of its tests,
// short for "org.opencontainers.image.".
const plainLabels = "~created=2019-12-31T23:59:58Z ; ~description=This your first repo! ; ~licenses=MIT ; ~revision=" + sha +
	" ; ~source=https://github.com/octocat/Hello-World ; ~title=Hello-World ; ~url=https://github.com/octocat/Hello-World ; ~version=1.0"

// without is plainLabels less some.
func without(names ...string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(plainLabels, " ; "), func(l string) bool {
		return slices.Contains(names, strings.TrimPrefix(nameOf(l), "~"))
	}), " ; ")
}

var labelCases = []struct{ asked, want string }{
	{"", plainLabels},
	// https://github.com/docker/metadata-action#overwrite-labels-and-annotations
	{"maintainer=CrazyMax ; ~title=MyCustomTitle ; ~description=Another description ; ~vendor=MyCompany",
		"maintainer=CrazyMax ; ~created=2019-12-31T23:59:58Z ; ~description=Another description ; ~licenses=MIT ; ~revision=" + sha +
			" ; ~source=https://github.com/octocat/Hello-World ; ~title=MyCustomTitle ; ~url=https://github.com/octocat/Hello-World ; ~vendor=MyCompany ; ~version=1.0"},
	// https://github.com/docker/metadata-action#global-expressions
	{"~created={{commit_date 'YYYY-MM-DDTHH:mm:ss.SSS[Z]'}}", "~created=2019-12-31T23:59:58.000Z ; " + without("created")},
	{"a={{branch}}", "a=master ; " + plainLabels},
	{"a={{tag}}", "a= ; " + plainLabels},
	{"a={{sha}}", "a=860c190 ; " + plainLabels},
	{"a={{is_default_branch}}-{{is_not_default_branch}}", "a=true-false ; " + plainLabels},
	{"a={{date 'YYYYMMDD'}}", "a=20200110 ; " + plainLabels},
	{"a={{date 'YYYY' tz='Asia/Tokyo'}}", "a=2020 ; " + plainLabels},
	{"{{branch}}=x", "master=x ; " + plainLabels},
	{"a=x=y", "a=x=y ; " + plainLabels},
	{"a=", "a= ; " + plainLabels},
	{"a=1 ; a=2", "a=2 ; " + plainLabels},
	{"~revision=", strings.Replace(plainLabels, sha, "", 1)},
	{"a=foo#bar ; #comment ; b=bar", "a=foo#bar ; b=bar ; " + plainLabels},
	{"~url=https://example.com/path#readme ; # one", without("url", "version") + " ; ~url=https://example.com/path#readme ; ~version=1.0"},
	{"b=2 ; a=1", "a=1 ; b=2 ; " + plainLabels},
	{"a=x, y", "a=x, y ; " + plainLabels},
	{"a", "error"},
	{"=a", "error"},
	{"a={{nope}}", "error"},
	{"a={{branch", "error"},
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(list, "~", ociPrefix), " ; ")
}

func labelled() Event {
	e := event("push", "refs/heads/master")
	e.Repository = hello
	return e
}

func TestLabels(t *testing.T) {
	for _, c := range labelCases {
		got, err := Labels(split(c.asked), "1.0", labelled())
		if (c.want == "error") != (err != nil) || err == nil && !slices.Equal(got, split(c.want)) {
			t.Errorf("%s: %q, %v, want %q", c.asked, got, err, split(c.want))
		}
	}
}

func TestLabels_WhatIsNotKnownIsLeftOut(t *testing.T) {
	if got, err := Labels(nil, "", Event{}); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	for name, change := range map[string]func(*Event){
		"description": func(e *Event) { e.Repository.Description = "" },
		"licenses":    func(e *Event) { e.Repository.License = "" },
		"title":       func(e *Event) { e.Repository.Name = "" },
		"revision":    func(e *Event) { e.SHA = "" },
		"created":     func(e *Event) { e.CommitDate = time.Time{} },
	} {
		e := labelled()
		change(&e)
		if got, err := Labels(nil, "1.0", e); err != nil || !slices.Equal(got, split(without(name))) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

var annotationCases = []struct{ asked, levels, want string }{
	{"", "", ""},
	{"a=1", "", ""},
	{"a=1 ; ~title=", "manifest", "manifest:a=1 ; manifest:~title="},
	{"a=1 ; ~title=t", "index", "index:a=1 ; index:~title=t"},
	{"a=1 ; ~title=t", "manifest,index", "manifest:a=1 ; manifest:~title=t ; index:a=1 ; index:~title=t"},
	{"~title=t", "index,manifest-descriptor", "index:~title=t ; manifest-descriptor:~title=t"},
	{"~title=t", "manifest[linux/amd64]", "manifest[linux/amd64]:~title=t"},
	{"~title=t ; index:a=1", "manifest", "manifest:~title=t ; index:a=1"},
	{"~title=t ; index,manifest:a=1", "manifest", "manifest:~title=t ; index:a=1 ; manifest:a=1"},
	{"~title=t ; manifest:~title=u", "manifest", "manifest:~title=u"},
	{"~title=t ; manifest:~title=u", "index", "index:~title=t ; manifest:~title=u"},
	{"~title=t ; manifest[linux/arm64/v8]:a={{branch}}", "manifest", "manifest:~title=t ; manifest[linux/arm64/v8]:a=master"},
	{"~title=https://x:y", "manifest", "manifest:~title=https://x:y"},
	{"# no ; ~title=t", "manifest", "manifest:~title=t"},
	{"a=1", "layer", "error"},
	{"a", "manifest", "error"},
	{"index:a", "manifest", "error"},
	{"index:a={{nope}}", "manifest", "error"},
}

func TestAnnotations(t *testing.T) {
	e := labelled()
	e.Repository, e.SHA, e.CommitDate = Repository{}, "", time.Time{} // nothing but what is asked for
	for _, c := range annotationCases {
		var levels []string
		if c.levels != "" {
			levels = strings.Split(c.levels, ",")
		}
		got, err := Annotations(split(c.asked), levels, "", e)
		if (c.want == "error") != (err != nil) || err == nil && !slices.Equal(got, split(c.want)) {
			t.Errorf("%s at %s: %q, %v, want %q", c.asked, c.levels, got, err, split(c.want))
		}
	}
	got, err := Annotations(nil, []string{"manifest"}, "1.0", labelled())
	if want := split("manifest:" + strings.ReplaceAll(plainLabels, " ; ", " ; manifest:")); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
