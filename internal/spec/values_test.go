package spec

import (
	"reflect"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
)

var sample = Action{
	Name: "sample-action",
	Inputs: []Input{
		{Name: "image", Required: true, Description: "Image to use."},
		{Name: "dry-run", Kind: Bool, Default: "false"},
		{Name: "count", Kind: Int, Default: "3"},
		{Name: "timeout", Kind: Duration, Default: "10m"},
		{Name: "interval", Kind: Duration, Positive: true, Default: "10s"},
		{Name: "measurements", Kind: Int, Positive: true, Default: "3"},
		{Name: "tags", Kind: List},
		{Name: "on-no-data", Kind: Choice, Values: []string{"fail", "pass", "wait"}, Default: "fail"},
		{Name: "token", Secret: true},
		{Name: "port", Kind: Int, Secret: true},
	},
}

func lookup(given map[string]string) Lookup {
	return func(in Input) (string, string) { return given[in.Name], "input " + in.Name }
}

func TestParse_FillsDefaultsAndConverts(t *testing.T) {
	v, err := Parse(sample, lookup(map[string]string{
		"image": "  ghcr.io/a/b:1\n", "dry-run": "True", "timeout": "90s", "tags": "\n v1 \n\n latest\r\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.String("image"), "ghcr.io/a/b:1"; got != want {
		t.Errorf("image = %q, want %q", got, want)
	}
	if !v.Bool("dry-run") {
		t.Error("dry-run = false, want true")
	}
	if got := v.Int("count"); got != 3 {
		t.Errorf("count = %d, want the default 3", got)
	}
	if got := v.Duration("timeout"); got != 90*time.Second {
		t.Errorf("timeout = %v, want 90s", got)
	}
	if got, want := v.List("tags"), []string{"v1", "latest"}; !reflect.DeepEqual(got, want) {
		t.Errorf("tags = %q, want %q", got, want)
	}
	if got := v.String("on-no-data"); got != "fail" {
		t.Errorf("on-no-data = %q, want the default fail", got)
	}
	if got := v.String("token"); got != "" {
		t.Errorf("token = %q, want nothing", got)
	}
}

func TestParse_BadInputIsOneSentence(t *testing.T) {
	tests := []struct{ name, input, value, want string }{
		{"missing", "image", " ", "input image is required: Image to use."},
		{"two lines", "image", "a\nb", `input image is "a\nb": it must be one line`},
		{"not a boolean", "dry-run", "yes", `input dry-run is "yes": it must be true or false`},
		{"mixed case", "dry-run", "tRUE", `input dry-run is "tRUE": it must be true or false`},
		{"not a number", "count", "many", `input count is "many": it must be a whole number, 0 or more`},
		{"negative", "count", "-1", `input count is "-1": it must be a whole number, 0 or more`},
		{"no unit", "timeout", "90", `input timeout is "90": it must be a duration such as "90s" or "10m"`},
		{"negative time", "timeout", "-1s", `input timeout is "-1s": it must be a duration such as "90s" or "10m"`},
		{"no time at all", "interval", "0s", `input interval is "0s": it must be a duration of more than zero, such as "90s" or "10m"`},
		{"none", "measurements", "0", `input measurements is "0": it must be a whole number, 1 or more`},
		{"not a choice", "on-no-data", "maybe", `input on-no-data is "maybe": it must be fail, pass or wait`},
		{"NUL", "tags", "a\x00b", `input tags is "a\x00b": it must be text without NUL bytes`},
		{"a secret is not shown", "port", "s3cret", "input port is not valid: it must be a whole number, 0 or more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			given := map[string]string{"image": "a"}
			given[tt.input] = tt.value
			_, err := Parse(sample, lookup(given))
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != tt.want {
				t.Errorf("got  %q\nwant %q", err, tt.want)
			}
			if code := exit.Code(err); code != exit.BadInput {
				t.Errorf("exit code %d, want %d", code, exit.BadInput)
			}
		})
	}
}

func TestValues_PanicOnMistakesOfTheProgram(t *testing.T) {
	v, err := Parse(sample, lookup(map[string]string{"image": "a"}))
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(){
		"undeclared": func() { v.String("imge") },
		"wrong kind": func() { v.String("dry-run") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			read()
		})
	}
}
