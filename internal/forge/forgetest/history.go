package forgetest

import (
	"crypto/sha1" //nolint:gosec // Git names commits by SHA-1; nothing is protected by it
	"fmt"
	"maps"
)

func (s *Server) put(parent, message string, files map[string]File) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %s %d %v", parent, message, len(s.Commits), len(files))) //nolint:gosec // the name of a made-up commit, which has to look like Git's
	oid := fmt.Sprintf("%x", sum)
	s.Commits[oid] = &Commit{OID: oid, Message: message, Parent: parent, Files: files}
	return oid
}

// Push makes a commit on a branch, as somebody else would.
func (s *Server) Push(branch, message string, changes map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.push(branch, message, changes)
}

// Others makes a commit of others on top of a branch while a request is on its way, which
// holds the lock: for a [Server.Fault].
func (s *Server) Others(branch string, changes map[string]string) { s.push(branch, "others", changes) }

func (s *Server) push(branch, message string, changes map[string]string) string {
	head := s.Commits[s.Refs[branch]]
	files := maps.Clone(head.Files)
	for name, text := range changes {
		f := files[name]
		if f.Mode == 0 {
			f.Mode = 0o100644
		}
		f.Text = text
		files[name] = f
	}
	s.Refs[branch] = s.put(head.OID, message, files)
	return s.Refs[branch]
}

// Text is a file on a branch.
func (s *Server) Text(branch, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Commits[s.Refs[branch]].Files[name].Text
}

// History are the messages of a branch, newest first.
func (s *Server) History(branch string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for c := s.Commits[s.Refs[branch]]; c != nil; c = s.Commits[c.Parent] {
		all = append(all, c.Message)
	}
	return all
}
