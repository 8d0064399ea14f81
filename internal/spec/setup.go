package spec

// Setup puts hyaction itself on the PATH of the steps that follow. It is the
// action at the root of the repository.
var Setup = Action{
	Name:        "setup",
	Title:       "Setup hyaction",
	Description: "Put the hyaction command on the PATH of the steps that follow.",
	Outputs: []Output{
		{Name: "version", Description: "Release of hyaction, such as v1.2.3."},
		{Name: "path", Description: "Absolute path of the binary."},
	},
	Icon: "anchor",
	Root: true,
}
