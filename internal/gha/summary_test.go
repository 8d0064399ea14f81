package gha

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSummary_StaysBelowTheCap(t *testing.T) {
	s := newStep(t)
	row := "| " + strings.Repeat("é", 40) + " |\n"
	for range 3 {
		if err := s.Summary(strings.Repeat(row, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	text := s.file(t, "STEP_SUMMARY")
	if len(text) > summaryCap+10 {
		t.Errorf("%d bytes, want at most %d", len(text), summaryCap)
	}
	if n := strings.Count(text, summaryNote); n != 1 {
		t.Errorf("the note is there %d times, want once", n)
	}
	if !utf8.ValidString(text) {
		t.Error("a character was cut in two")
	}
}

func TestSummary_CutsOneLongLineBetweenCharacters(t *testing.T) {
	s := newStep(t)
	if err := s.Summary(strings.Repeat("é", summaryCap)); err != nil {
		t.Fatal(err)
	}
	if text := s.file(t, "STEP_SUMMARY"); !utf8.ValidString(text) || len(text) < summaryCap-200 {
		t.Errorf("%d bytes, valid UTF-8: %v", len(text), utf8.ValidString(text))
	}
}
