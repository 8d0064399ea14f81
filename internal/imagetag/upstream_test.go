package imagetag

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"
)

// differs are the cases in which we mean to answer otherwise, and why.
var differs = map[string]string{
	"pr12": "{{commit_date YYYY}} lacks quotes: metadata-action takes no format from it and says nothing",
}

// The cases of metadata-action's own tests (__tests__/meta.test.ts at commit dc80280,
// Apache-2.0): each event as its fixtures tell it, the inputs, and the tags that it makes.
func TestMake_AsMetadataAction(t *testing.T) {
	file, err := os.Open("testdata/metadata-action.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	moment := time.Date(2020, 1, 10, 0, 30, 0, 0, time.UTC) // of those tests
	cases := 0
	for lines := bufio.NewScanner(file); lines.Scan(); cases++ {
		var c struct {
			Name, Event, Ref, SHA, Default, Base string
			Number                               int
			Tags, Flavor, Want                   []string
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Tags == nil {
			c.Tags = []string{"type=schedule", "type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr"} // its default
		}
		e := Event{Name: c.Event, Ref: c.Ref, SHA: c.SHA, DefaultBranch: c.Default, BaseRef: c.Base, Number: c.Number, Now: moment, CommitDate: moment}
		got, err := Make(c.Tags, c.Flavor, e)
		same := err == nil && slices.Equal(got.All, c.Want)
		if why := differs[c.Name]; same == (why != "") {
			t.Errorf("%s (%s): %q of %s: %q, %v, want %q", c.Name, why, c.Tags, c.Ref, got.All, err, c.Want)
		}
	}
	if cases < 100 {
		t.Errorf("only %d cases", cases)
	}
}
