package forgetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// codeload is where archives lie: below a name of the server that is not the API's.
const codeload = "/codeload/"

// redirect is the address that an answer leads to.
type redirect string

func (s *Server) codeload(sha string) redirect {
	return redirect(strings.Replace(s.URL, "127.0.0.1", "localhost", 1) + codeload + sha)
}

// archive answers with a commit's files, but those below what Git is told to leave out.
func (s *Server) archive(r *http.Request, sha string) answer {
	if r.Header.Get("Authorization") != "" {
		s.t.Errorf("the token goes to %s", r.Host)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	files := s.Commits[sha].Files
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		if strings.Contains(files[".gitattributes"].Text, name+" export-ignore") {
			continue
		}
		h := &tar.Header{Name: "acme-infra-" + sha[:7] + "/" + name, Mode: f.Mode & 0o777, Size: int64(len(f.Text)), Typeflag: tar.TypeReg}
		if f.Mode == 0o120000 {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, f.Text, 0
		}
		if err := t.WriteHeader(h); err != nil {
			s.t.Errorf("an archive: %v", err)
		}
		if h.Size > 0 {
			_, _ = t.Write([]byte(f.Text))
		}
	}
	_, _ = t.Close(), z.Close()
	return answer{http.StatusOK, out.Bytes()}
}
