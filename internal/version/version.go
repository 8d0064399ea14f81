// Package version says which hyaction this is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// number is the release, set at link time:
//
//	go build -ldflags "-X github.com/buenhyden/hy-home/internal/version.number=v1.2.3"
//
// It is the only variable of the product that a build may change.
var number string

// Number returns the release as in "v1.2.3". A binary that was not built by a
// release answers with the module version Go recorded ("v1.2.3" after go
// install), or with "devel".
func Number() string {
	if number != "" {
		return number
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// String returns one line for people: "hyaction v1.2.3 linux/amd64 go1.26.0".
func String() string {
	return fmt.Sprintf("hyaction %s %s/%s %s", Number(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}
