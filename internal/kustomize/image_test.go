package kustomize

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/exit"
)

const digest = "sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3"

func TestParseImage(t *testing.T) {
	for arg, want := range map[string]Image{
		"app:v1":                      {Name: "app", Tag: "v1"},
		"app@" + digest:               {Name: "app", Digest: digest},
		"app:v1@" + digest:            {Name: "app", Tag: "v1", Digest: digest},
		"app=other":                   {Name: "app", NewName: "other"},
		"app=*:v2@*":                  {Name: "app", NewName: Keep, Tag: "v2", Digest: Keep},
		"app:*":                       {Name: "app", Tag: Keep},
		"localhost:5001/a/b:v2":       {Name: "localhost:5001/a/b", Tag: "v2"},
		"localhost:5000":              {Name: "localhost", Tag: "5000"},
		"APP_IMAGE=reg:5000/x/y:1.10": {Name: "APP_IMAGE", NewName: "reg:5000/x/y", Tag: "1.10"},
		"a:b=c:d":                     {Name: "a:b", NewName: "c", Tag: "d"},
	} {
		got, err := ParseImage(arg)
		if err != nil || got != want {
			t.Errorf("ParseImage(%q) = %+v, %v; want %+v", arg, got, err, want)
		}
		if back := got.String(); back != arg {
			t.Errorf("ParseImage(%q).String() = %q", arg, back)
		}
	}
}

func TestParseImage_Refuses(t *testing.T) {
	for arg, why := range map[string]string{
		"":                                   "nothing to set",
		"app":                                "nothing to set",
		"app=":                               "nothing follows",
		"=app:v1":                            "missing",
		":v1":                                "missing",
		"app:":                               "nothing to set",
		"app=x:":                             "tag after",
		"app=x@":                             "digest after",
		"app=x:v1@":                          "digest after",
		"--help=x:v1":                        "cannot start",
		"-rf:v1":                             "cannot start",
		"app=Upper/Case:v1":                  "new name",
		"app=x y:v1":                         "new name",
		"app=--help":                         "new name",
		"app:v 1":                            "a tag has",
		"app:-v1":                            "a tag has",
		"app:v1\nverdict=passed":             "printable ASCII",
		"app=x:v1\nverdict":                  "a tag has",
		"app:" + strings.Repeat("a", 129):    "a tag has",
		"app:v1:v2":                          "a tag has",
		"app@sha256:abc":                     "a digest is",
		"app@md5:" + strings.Repeat("a", 32): "a digest is",
		"app=x@" + strings.ToUpper(digest):   "a digest is",
		"größe:v1":                           "printable ASCII",
	} {
		_, err := ParseImage(arg)
		if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), why) {
			t.Errorf("ParseImage(%q) = %v, want bad input with %q", arg, err, why)
		}
	}
}

// FuzzParseImage: whatever is accepted reads back the same and is safe to hand on.
func FuzzParseImage(f *testing.F) {
	for _, arg := range []string{"app:v1", "app=*:v2@*", "localhost:5001/a=b:5/c@" + digest, "a=b=c"} {
		f.Add(arg)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		img, err := ParseImage(arg)
		if err != nil {
			return
		}
		again, err := ParseImage(img.String())
		if err != nil || again != img {
			t.Fatalf("%q: %+v reads back as %+v, %v", arg, img, again, err)
		}
		if strings.ContainsAny(img.String(), "\n\r\t \x00") || strings.HasPrefix(arg, "-") {
			t.Fatalf("%q was accepted", arg)
		}
	})
}
