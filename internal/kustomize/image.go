// Package kustomize sets images in a kustomization file and proves that the
// rendered manifests follow.
//
// [Edit] changes as few bytes as can be: comments, order, indentation, quotes
// and line ends of the file stay as they are, where `kustomize edit set image`
// rewrites the whole file (kubernetes-sigs/kustomize#4481). What an edit means is
// still kustomize's to say: each result is compared with that of its own command,
// run in memory.
//
// [Set.Plan] goes one step further. kustomize finds an image by the name that the
// manifests hold; for any other name it adds an entry that does nothing, without
// a word. Plan renders before and after and refuses an image that nothing uses.
//
// Nothing here runs a process, opens a connection or reads outside the given files.
package kustomize

import (
	"strings"

	"github.com/distribution/reference"
	"sigs.k8s.io/kustomize/api/pkg/util"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/buenhyden/hy-home/internal/exit"
)

// Keep as a NewName, Tag or Digest leaves that part of an existing entry alone.
const Keep = "*"

// Image is one thing to set: what the image called Name in the manifests becomes.
// An empty part is removed from the entry, [Keep] leaves it as it is.
type Image struct {
	Name    string // as the manifests spell it, without tag and digest
	NewName string // "" is Name itself
	Tag     string
	Digest  string // with its algorithm: "sha256:..."
}

// ParseImage reads an image in the grammar of `kustomize edit set image`:
// name=new[:tag][@digest] or name[:tag][@digest], where each part after "=" may be
// "*". Unlike kustomize it takes only what a registry would: parts are checked by
// the grammar of the distribution project, and an empty new name, tag or digest
// (mostly an empty variable) is an error.
func ParseImage(arg string) (Image, error) {
	bad := func(why string) (Image, error) {
		return Image{}, exit.BadInputf("image %q: %s; write name=new[:tag][@digest] or name[:tag][@digest]", arg, why)
	}
	name, value, renamed := strings.Cut(arg, "=")
	if !renamed {
		value = arg
	}
	first, tag, digest := util.SplitImageName(value)
	img := Image{Name: name, NewName: first, Tag: tag, Digest: digest}
	if !renamed {
		img.Name, img.NewName = first, ""
		if tag == "" && digest == "" {
			return bad("it says nothing to set")
		}
	}
	rest := value[len(first):] // keeps ":" and "@" that have nothing behind them
	switch {
	case img.Name == "":
		return bad("the name that the manifests use is missing")
	case strings.HasPrefix(img.Name, "-"):
		return bad("a name cannot start with \"-\"")
	case strings.ContainsFunc(img.Name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '@' || r > 0x7e }):
		return bad("a name holds printable ASCII without spaces and \"@\" only")
	case renamed && first == "":
		return bad("nothing follows \"=\"")
	case strings.HasPrefix(rest, ":") && tag == "":
		return bad("the tag after \":\" is empty")
	case strings.Contains(rest, "@") && digest == "":
		return bad("the digest after \"@\" is empty")
	}
	if n := img.NewName; n != "" && n != Keep && !valid(n, n) {
		return bad("the new name must be a repository name such as ghcr.io/owner/app, in lower case")
	}
	if tag != "" && tag != Keep && !valid("x:"+tag, "x") {
		return bad("a tag has 1 to 128 letters, digits, \"_\", \".\" or \"-\" and starts with a letter, a digit or \"_\"")
	}
	if digest != "" && digest != Keep && !valid("x@"+digest, "x") {
		return bad("a digest is sha256: and 64 hexadecimal digits in lower case")
	}
	return img, nil
}

// valid reports whether ref is a reference to the repository named name.
func valid(ref, name string) bool {
	parsed, err := reference.Parse(ref)
	if err != nil {
		return false
	}
	named, ok := parsed.(reference.Named)
	return ok && named.Name() == name
}

// String writes the image so that [ParseImage] reads it back.
func (i Image) String() string {
	s := i.Name
	if i.NewName != "" {
		s += "=" + i.NewName
	}
	return s + suffix(i.Tag, i.Digest)
}

func suffix(tag, digest string) string {
	var s string
	if tag != "" {
		s = ":" + tag
	}
	if digest != "" {
		s += "@" + digest
	}
	return s
}

// resolve gives the entry that results from setting i over old: every [Keep] is
// answered. kustomize drops a tagSuffix on the way, and so do we.
func (i Image) resolve(old types.Image) types.Image {
	keep := func(wanted, had string) string {
		if wanted == Keep {
			return had
		}
		return wanted
	}
	return types.Image{
		Name:    i.Name,
		NewName: keep(i.NewName, old.NewName),
		NewTag:  keep(i.Tag, old.NewTag),
		Digest:  keep(i.Digest, old.Digest),
	}
}
