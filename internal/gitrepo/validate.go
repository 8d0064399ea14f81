package gitrepo

import (
	"net/mail"
	"net/url"
	"regexp"
	"strings"

	"github.com/buenhyden/hy-home/internal/exit"
)

// ValidateBranch applies the rules of git check-ref-format to a branch name.
func ValidateBranch(name string) error {
	bad := func(why string) error {
		return exit.BadInputf("branch %q: a branch name %s", name, why)
	}
	switch {
	case name == "", name == "@":
		return bad("cannot be empty or \"@\" alone")
	case strings.HasPrefix(name, "-"):
		return bad("cannot start with \"-\"")
	case strings.HasPrefix(name, "refs/"):
		return bad("is written without refs/heads/")
	case strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`~^:?*[\`, c) }):
		return bad(`cannot hold spaces, control characters or any of ~ ^ : ? * [ \`)
	case strings.Contains(name, ".."), strings.Contains(name, "@{"), strings.HasSuffix(name, "."):
		return bad(`cannot hold ".." or "@{" or end in "."`)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return bad(`has parts between "/" that are not empty, do not start with "." and do not end in ".lock"`)
		}
	}
	return nil
}

var scpLike = regexp.MustCompile(`^([A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:[^:]`)

// isLocalPath tells a directory's path from a URL and from user@host:path, as git does.
func isLocalPath(repository string) bool {
	before, _, _ := strings.Cut(repository, "/")
	return !strings.Contains(repository, "://") && !strings.Contains(before, ":")
}

// validateRepository refuses what git would take for an option or a helper program
// (ext::sh ... runs a shell), and URLs that carry a password.
func validateRepository(repository string) error {
	bad := func(why string) error { return exit.BadInputf("repository %q: %s", redact(repository), why) }
	switch {
	case repository == "":
		return bad("name a directory or a URL")
	case strings.HasPrefix(repository, "-"):
		return bad("it cannot start with \"-\"")
	case strings.ContainsFunc(repository, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return bad("it holds control characters")
	case isLocalPath(repository):
		return nil
	case strings.Contains(repository, "://"):
		u, err := url.Parse(repository)
		if err != nil {
			return bad("it is not a URL")
		}
		switch u.Scheme {
		case "https", "http", "ssh", "git", "file":
		default:
			return bad("its scheme must be https, http, ssh, git or file")
		}
		if _, has := u.User.Password(); has || u.User != nil && u.Scheme != "ssh" {
			return bad("it carries credentials; hand them over as a token")
		}
		if strings.HasPrefix(u.Host, "-") {
			return bad("its host cannot start with \"-\"")
		}
		return nil
	case !scpLike.MatchString(repository):
		return bad("it is neither a directory nor a URL such as https://host/owner/repository or git@host:owner/repository")
	}
	return nil
}

// redact drops credentials from a URL before it is shown.
func redact(repository string) string {
	scheme, rest, ok := strings.Cut(repository, "://")
	if !ok {
		return repository
	}
	authority, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		return scheme + "://***" + authority[i:] + "/" + path
	}
	return repository
}

func parseAuthor(author string) (name, email string, err error) {
	a, err := mail.ParseAddress(author)
	if err != nil || a.Name == "" || strings.ContainsAny(a.Name+a.Address, "<>\n\r\x00") {
		return "", "", exit.BadInputf("author %q: write it as Name <address>", author)
	}
	return a.Name, a.Address, nil
}
