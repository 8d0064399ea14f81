package registrytest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
)

// Fault is what goes wrong with some requests.
type Fault struct {
	On    func(*http.Request) bool // with which; nil is with each
	Times int                      // with how many of them; 0 is with all
	Do    Spoil

	left int
}

// Spoil answers a request in place of the registry, or with what the registry says.
type Spoil func(w http.ResponseWriter, r *http.Request, registry http.Handler)

// To chooses requests by their method and a text in their path.
func To(method, text string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == method && strings.Contains(r.URL.Path, text) }
}

// The requests of a push, as the specification of distribution names them.
var (
	Start    = To(http.MethodPost, "/blobs/uploads/")
	Chunk    = To(http.MethodPatch, "/blobs/uploads/")
	Commit   = To(http.MethodPut, "/blobs/uploads/")
	Manifest = To(http.MethodPut, "/manifests/")
)

// Status answers with a status, and with an error of the specification if code is
// not empty. A header follows by its name and its value.
func Status(status int, code, message string, header ...string) Spoil {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		if code == "" {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
	}
}

// Denied is GHCR's answer to who may not push.
func Denied() Spoil {
	return Status(http.StatusForbidden, "DENIED", "permission_denied: write_package")
}

// UnknownBlob is how a registry answers that has not yet told all of itself what it
// was given.
func UnknownBlob(status int) Spoil { return Status(status, "BLOB_UNKNOWN", "blob unknown to registry") }

// CutUpload reads so many bytes of what is sent and ends the connection.
func CutUpload(after int64) Spoil {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.CopyN(io.Discard, r.Body, after)
		hangUp(w, nil)
	}
}

// CutAnswer has the registry do what it is asked, gives so many bytes of the body of
// its answer and ends the connection. Less than 0 is no answer at all.
func CutAnswer(after int) Spoil {
	return func(w http.ResponseWriter, r *http.Request, registry http.Handler) {
		said := httptest.NewRecorder()
		registry.ServeHTTP(said, r)
		if after < 0 {
			hangUp(w, nil)
			return
		}
		head := "HTTP/1.1 " + strconv.Itoa(said.Code) + " " + http.StatusText(said.Code) + "\r\n"
		said.Header().Set("Content-Length", strconv.Itoa(said.Body.Len()))
		for name, values := range said.Header() {
			for _, v := range values {
				head += name + ": " + v + "\r\n"
			}
		}
		body := said.Body.Bytes()
		hangUp(w, append([]byte(head+"\r\n"), body[:min(after, len(body))]...))
	}
}

// hangUp says something and resets the connection.
func hangUp(w http.ResponseWriter, last []byte) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok && len(last) == 0 {
		_ = tcp.SetLinger(0)
	}
	_, _ = conn.Write(last)
	_ = conn.Close()
}

// WrongDigest answers with another digest than that of what is there.
func WrongDigest(digest string) Spoil {
	return func(w http.ResponseWriter, r *http.Request, registry http.Handler) {
		registry.ServeHTTP(&lying{w, digest}, r)
	}
}

type lying struct {
	http.ResponseWriter
	digest string
}

func (l *lying) WriteHeader(status int) {
	if l.Header().Get("Docker-Content-Digest") != "" {
		l.Header().Set("Docker-Content-Digest", l.digest)
	}
	l.ResponseWriter.WriteHeader(status)
}

// Login asks for a user's name and password, and lets no one else in.
func Login(user, password string) Spoil {
	return func(w http.ResponseWriter, r *http.Request, registry http.Handler) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			Status(http.StatusUnauthorized, "UNAUTHORIZED", "authentication required", "WWW-Authenticate", `Basic realm="test"`)(w, r, registry)
			return
		}
		registry.ServeHTTP(w, r)
	}
}
