package bumpimage

import (
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge/forgetest"
)

func TestAPI_Superseded(t *testing.T) {
	s := forgetest.New(t, infra(0))
	older, newer := "a"+strings.Repeat("1", 39), "b"+strings.Repeat("2", 39)
	s.Source = []string{older, newer}
	o := apiOptions(s, "reg.example/app:"+newer)
	o.Source = Source{Repository: "acme/app", Commit: newer, Token: forgetest.Token}
	mustRun(t, o)
	o.Images, o.Source.Commit = []string{"reg.example/app:" + older}, older
	res := mustRun(t, o)
	if res.Changed || res.Operation != "superseded" || len(res.Warnings) != 1 || len(s.History("main")) != 2 {
		t.Errorf("Result = %+v", res)
	}
	o.Downgrade = true
	if res := mustRun(t, o); !res.Changed || res.Operation != "pushed" {
		t.Errorf("Result = %+v", res)
	}
}

func TestAPI_NoteAtTheSource(t *testing.T) {
	s := forgetest.New(t, infra(0))
	o := apiOptions(s, "reg.example/app:v2")
	o.Source = Source{Repository: "acme/app", Commit: strings.Repeat("c", 40), Token: forgetest.Token, Note: "check"}
	mustRun(t, o)
	if len(s.Comments) != 1 || !strings.Contains(s.Comments[0], "reg.example/app:v2") {
		t.Errorf("comments %q", s.Comments)
	}
	if h := s.History("main")[0]; !strings.Contains(h, "Source-Commit: acme/app@cccc") {
		t.Errorf("message %q", h)
	}
}
