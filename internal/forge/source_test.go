package forge_test

import (
	"fmt"
	"testing"

	"github.com/buenhyden/hy-home/internal/forge"
	"github.com/buenhyden/hy-home/internal/forge/forgetest"
)

// Which of two commits is newer is one small request, and a second one where they are far apart.
func TestContains(t *testing.T) {
	s := forgetest.New(t, nil)
	for i := range 200 {
		s.Source = append(s.Source, fmt.Sprintf("%07x%033d", 0xabc0000+i, i))
	}
	c, err := forge.New(forge.Options{API: s.URL, Repository: "acme/app", Token: forgetest.Token})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		commit, ancestor string
		want             bool
		requests         int
	}{
		"later":          {s.Source[190], s.Source[180], true, 1},
		"earlier":        {s.Source[180], s.Source[190], false, 1},
		"the same":       {s.Source[190], s.Source[190], false, 1},
		"short names":    {s.Source[190][:7], s.Source[180][:7], true, 1},
		"not known":      {"beef123", s.Source[180], false, 1},
		"much later":     {s.Source[190], s.Source[60], true, 2},
		"much earlier":   {s.Source[60], s.Source[190], false, 2},
		"since the dawn": {s.Source[10], s.Source[190], false, 1}, // the whole history of the one is there
	} {
		s.Reset()
		pair := forge.Pair{Commit: tc.commit, Ancestor: tc.ancestor}
		answers, err := c.Contains(t.Context(), pair)
		got := answers[pair]
		if err != nil || got != tc.want || len(s.Requests) != tc.requests {
			t.Errorf("%s: %t, %v after %d requests; want %t after %d", name, got, err, len(s.Requests), tc.want, tc.requests)
		}
	}
	elsewhere, err := forge.New(forge.Options{API: s.URL, Repository: "acme/nothing", Token: forgetest.Token})
	if err != nil {
		t.Fatal(err)
	}
	pair := forge.Pair{Commit: s.Source[1], Ancestor: s.Source[0]}
	if got, err := elsewhere.Contains(t.Context(), pair); got[pair] || err != nil {
		t.Errorf("a repository that is not there: %v, %v", got, err)
	}
	s.Reset()
	back := forge.Pair{Commit: s.Source[0], Ancestor: s.Source[1]}
	if got, err := c.Contains(t.Context(), pair, back); err != nil || !got[pair] || got[back] || len(s.Requests) != 1 {
		t.Errorf("two pairs: %v, %v after %d requests", got, err, len(s.Requests))
	}
}
