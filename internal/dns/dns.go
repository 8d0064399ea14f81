// Package dns tells a name that DNS does not know, most likely a mistyped one, from
// one that could not be looked up for the moment.
package dns

import (
	"fmt"
	"regexp"
)

// UnknownError is DNS's answer that there is no host of a name.
type UnknownError struct{ Host string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("DNS knows no host %s: is the name right?", e.Host)
}

// unknown is how Go's resolver says so. A server that fails ("server misbehaving")
// or is silent ("i/o timeout") has other words.
var unknown = regexp.MustCompile(`lookup (\S+?)(?: on \S+)?: no such host`)

// Unknown finds the answer in the words of the Docker engine, of containerd or of a
// library, all of which hand on those of Go's resolver: an [*UnknownError], or nil.
func Unknown(text string) error {
	if m := unknown.FindStringSubmatch(text); m != nil {
		return &UnknownError{Host: m[1]}
	}
	return nil
}
