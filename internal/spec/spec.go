// Package spec is the one declaration of each action: its inputs with their
// kinds and defaults, its outputs, and the permissions a job must grant it.
//
// Everything else is made from it: actions/<name>/action.yml and the tables of
// the READMEs (by the generator, see gen), the flags of the command, and the
// parsing of what a caller gave. A new input is one entry here.
package spec

import "strings"

//go:generate go run ./gen -root ../..

// Action declares one action, which is also one subcommand of hyaction.
type Action struct {
	Name        string       // verb-noun in kebab case: "bump-image"
	Title       string       // the name shown by GitHub: "hy-home bump image"
	Description string       // one sentence with its period
	Inputs      []Input      // in the order of the documentation
	Outputs     []Output     // in the order of the documentation
	Permissions []Permission // what the job must grant to its GITHUB_TOKEN; empty means none
	Icon        string       // branding: a Feather icon
	Root        bool         // action.yml lies at the top of the repository, not under actions/<name>
}

// Input declares one input of an action.
type Input struct {
	Name        string   // kebab case; INPUT_UPPER_SNAKE in the environment, --kebab as a flag
	Description string   // full sentences
	Kind        Kind     // what the value must be; the zero value is String
	Default     string   // used when the caller gives nothing or an empty string; must parse as Kind
	YAMLDefault string   // a default only GitHub can give, as "${{ github.token }}": in action.yml alone, in place of Default
	Required    bool     // the caller must give it; never together with a default
	Values      []string // Kind Choice: what is allowed
	Each        string   // Kind List: a second flag that gives one item each time, "image" of "images"
	Positive    bool     // Kind Int and Duration: zero is refused, where it would mean nothing or the default
	Secret      bool     // masked before anything is printed, and never a flag: argument lists are public
}

// Output declares one output of an action.
type Output struct {
	Name        string // kebab case, names the thing: "image-ref"
	Description string // full sentences
}

// Permission is one line of a job's permissions block.
type Permission struct {
	Scope  string // "contents"
	Access string // "read" or "write"
	Why    string // when it is needed, as a phrase with its period
}

// Kind says how the text of an input is read.
type Kind int

// The kinds of inputs. GitHub hands every input over as a string.
const (
	String   Kind = iota // as it is, with surrounding white space removed
	Bool                 // true, True, TRUE, false, False or FALSE, as YAML's core schema has it
	Int                  // decimal, not negative
	Duration             // Go syntax ("90s", "10m"), not negative
	List                 // one item per line; blank lines are dropped
	Choice               // one of Input.Values
	Text                 // any number of lines, as they are
)

// String names the kind for documentation.
func (k Kind) String() string {
	return [...]string{"string", "boolean", "integer", "duration", "list", "choice", "text"}[k]
}

// All returns every declared action, in the order of a release.
func All() []Action {
	return []Action{Setup, SetupPlatform, BuildPush, BumpImage, CanaryGate}
}

// Input returns the declaration of an input.
func (a Action) Input(name string) (Input, bool) {
	for _, in := range a.Inputs {
		if in.Name == name {
			return in, true
		}
	}
	return Input{}, false
}

// HasOutput reports whether the action declares the output.
func (a Action) HasOutput(name string) bool {
	for _, out := range a.Outputs {
		if out.Name == name {
			return true
		}
	}
	return false
}

// Env is the variable that carries the input in an action's step: "dry-run" is
// INPUT_DRY_RUN. GitHub sets none for a composite action, so action.yml maps
// each one by hand.
func (in Input) Env() string {
	return "INPUT_" + strings.ToUpper(strings.ReplaceAll(in.Name, "-", "_"))
}
