package bumpimage

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// message is that of the commit: what changed in the subject, as short as it can be
// said, then from what to what, then where it comes from.
func (b *bump) message() string {
	text := b.Message
	if text == "" {
		text = b.subject() + "\n\n" + b.fromTo("- ", "+ ")
	}
	if t := b.trailers(); len(t) > 0 {
		return strings.TrimRight(text, "\n") + "\n\n" + strings.Join(t, "\n") + "\n"
	}
	return text
}

// Trailers that a later bump reads, see [bump.recorded].
const (
	commitTrailer = "Source-Commit"
	imageTrailer  = "Bumped-Image"
)

func (b *bump) trailers() (lines []string) {
	if s := b.Source; s.Repository != "" && s.Commit != "" {
		lines = append(lines, commitTrailer+": "+s.Repository+"@"+s.Commit)
		for _, ref := range b.change.New {
			lines = append(lines, imageTrailer+": "+plain(ref))
		}
	}
	if b.Source.RunURL != "" {
		lines = append(lines, "Source-Run: "+b.Source.RunURL)
	}
	if b.SignOff {
		lines = append(lines, "Signed-off-by: "+b.Author)
	}
	return lines
}

func (b *bump) subject() string {
	place := b.Paths[0]
	if n := len(b.Paths); n > 1 {
		place = fmt.Sprintf("%d places", n)
	}
	fresh := without(b.change.New, b.change.Old)
	if len(fresh) == 1 {
		return fmt.Sprintf("%s: run %s", place, short(fresh[0]))
	}
	return fmt.Sprintf("%s: set %d images", place, len(fresh))
}

func (b *bump) fromTo(gone, fresh string) string {
	var body strings.Builder
	for _, ref := range without(b.change.Old, b.change.New) {
		fmt.Fprintf(&body, "%s%s\n", gone, plain(ref))
	}
	for _, ref := range without(b.change.New, b.change.Old) {
		fmt.Fprintf(&body, "%s%s\n", fresh, plain(ref))
	}
	return body.String()
}

// plain is a reference that a manifest holds, which may be any text, as one line without
// what would end a span of code.
func plain(ref string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(ref), " "), "`", "'")
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// describe is title and body of the pull request.
func (b *bump) describe() (title, body string) {
	title, body = b.Pull.Title, b.Pull.Body
	if title == "" {
		title = b.subject()
	}
	if body == "" {
		body = b.body()
	}
	return title, body
}

// bodyLimit is how much of a diff goes into a body: GitHub takes 65,536 characters in all.
const bodyLimit = 50_000

func (b *bump) body() string {
	var s strings.Builder
	for _, img := range b.set {
		for _, was := range slices.Compact(slices.Sorted(slices.Values(b.change.Was[img.Name]))) {
			if !slices.Contains(b.change.New, was) {
				fmt.Fprintf(&s, "- from `%s`\n", plain(was))
			}
		}
	}
	for _, ref := range without(b.change.New, b.change.Old) {
		fmt.Fprintf(&s, "- to `%s`\n", plain(ref))
	}
	src := b.Source
	if src.Repository != "" && src.Commit != "" {
		for _, was := range b.change.Old {
			if old := cmp.Or(b.from[was], commitOf(was)); old != "" {
				fmt.Fprintf(&s, "\n[What is new](https://%s/%s/compare/%s...%s)\n", webHost(b.API), src.Repository, old, src.Commit)
				break
			}
		}
	}
	if src.RunURL != "" {
		fmt.Fprintf(&s, "\nBuilt by [this run](%s).\n", src.RunURL)
	}
	text := b.change.Rendered
	what := "What changes in the manifests"
	if text == "" {
		text, what = b.change.Diff, "What changes in the files"
	}
	if len(text) > bodyLimit {
		text = text[:strings.LastIndexByte(text[:bodyLimit], '\n')+1] + "... and more\n"
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(&s, "\n<details><summary>%s</summary>\n\n%sdiff\n%s%s\n\n</details>\n", what, fence, text, fence)
	return s.String()
}

// short is a reference without registry, and with the first twelve digits of a
// digest only if there is no tag.
func short(ref string) string {
	ref = ref[strings.LastIndexByte(ref, '/')+1:]
	name, digest, _ := strings.Cut(ref, "@")
	if digest == "" || strings.Contains(name, ":") {
		return name
	}
	algorithm, hex, _ := strings.Cut(digest, ":")
	return name + "@" + algorithm + ":" + hex[:min(12, len(hex))]
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slugged makes part of a branch's name of any text: two texts that would look alike, or
// that are too long, are told apart by a hash. base counts, but is not shown.
func slugged(text, base string) string {
	slug := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(text), "-"), "-")
	sum := sha256.Sum256([]byte(text + "\x00" + base))
	return slug[:min(60, len(slug))] + "-" + hex.EncodeToString(sum[:4])
}
