package registry

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
)

// quick is a client that waits for no more than a test does.
func quick() Client {
	return Client{Transport: Retrying{Next: http.DefaultTransport, Wait: time.Millisecond}}
}

func TestClient_OutlastsFaultsThatPass(t *testing.T) {
	s := registrytest.New(t)
	r := in(t, s)
	digest := push(t, r, "v1", "amd64")
	answers := registrytest.To(http.MethodGet, "/manifests/") // the others have no body that counts
	for name, fault := range map[string]registrytest.Fault{
		"429":                      {Do: registrytest.Status(429, "TOOMANYREQUESTS", "slow down", "Retry-After", "0")},
		"500":                      {Do: registrytest.Status(500, "", "")},
		"502":                      {Do: registrytest.Status(502, "", "")},
		"503":                      {Do: registrytest.Status(503, "UNAVAILABLE", "service unavailable")},
		"504":                      {Do: registrytest.Status(504, "", "")},
		"no answer":                {Do: registrytest.CutAnswer(-1)},
		"an answer without a body": {Do: registrytest.CutAnswer(0), On: answers},
		"half an answer":           {Do: registrytest.CutAnswer(40), On: answers},
	} {
		for doing, do := range map[string]func() error{
			"permission": func() error { return quick().CheckPush(t.Context(), r) },
			"digest": func() error {
				got, err := quick().Digest(t.Context(), r, "v1")
				if err == nil && got != digest {
					t.Errorf("%s: the digest is %s, want %s", name, got, digest)
				}
				return err
			},
			"read": func() error { _, err := quick().Read(t.Context(), r, "v1"); return err },
			"tag":  func() error { return quick().Tag(t.Context(), r, Manifest{Digest: digest}, []string{"again"}) },
		} {
			if fault.On != nil && doing != "read" && doing != "tag" {
				continue // they ask for no manifest
			}
			fault.Times = 3
			s.Fail(fault)
			if err := do(); err != nil || s.Left() != 0 {
				t.Errorf("%s: %s: %v, %d faults were not met", name, doing, err, s.Left())
			}
			s.Mend()
		}
	}
}

// uploadFaults are what the registry forgets for a moment, and what is cut within an
// upload: the library begins that anew, after pauses of its own of a second and more.
var uploadFaults = map[string]registrytest.Fault{
	"unknown blob, at the manifest":  {On: registrytest.Manifest, Do: registrytest.UnknownBlob(404)},
	"unknown blob, at the commit":    {On: registrytest.Commit, Do: registrytest.UnknownBlob(400)},
	"an upload that nobody knows":    {On: registrytest.Commit, Do: registrytest.Status(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown")},
	"a chunk that is cut at once":    {On: registrytest.Chunk, Do: registrytest.CutUpload(0)},
	"a chunk that is cut":            {On: registrytest.Chunk, Do: registrytest.CutUpload(10_000)},
	"a chunk at a bad time":          {On: registrytest.Chunk, Do: registrytest.Status(503, "", "")},
	"a chunk too many":               {On: registrytest.Chunk, Do: registrytest.Status(429, "TOOMANYREQUESTS", "slow down")},
	"a chunk whose answer is lost":   {On: registrytest.Chunk, Do: registrytest.CutAnswer(-1)},
	"a commit whose answer is lost":  {On: registrytest.Commit, Do: registrytest.CutAnswer(-1)},
	"a manifest whose answer is cut": {On: registrytest.Manifest, Do: registrytest.CutAnswer(-1)},
}

// pushThrough pushes an image that meets the fault once, and has it there afterwards.
func pushThrough(t *testing.T, s *registrytest.Registry, r Repository, fault registrytest.Fault) {
	t.Helper()
	image, err := random.Image(100_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	fault.Times = 1
	s.Fail(fault)
	if err := remote.Write(r.repo.Tag("v1"), image, quick().uploadOptions(t.Context())...); err != nil {
		t.Fatal(err)
	}
	if got, err := quick().Digest(t.Context(), r, digestOf(t, image)); err != nil || s.Left() != 0 {
		t.Errorf("%s, %v; %d faults were not met", got, err, s.Left())
	}
}

func TestClient_UploadsAreBegunAnew(t *testing.T) {
	for name, fault := range uploadFaults {
		s := registrytest.New(t)
		r := in(t, s)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pushThrough(t, s, r, fault)
		})
	}
}

func TestClient_FaultsThatStayAreTold(t *testing.T) {
	s := registrytest.New(t)
	r := in(t, s)
	digest := push(t, r, "v1", "amd64")
	s.Mend()
	s.Fail(registrytest.Fault{Do: registrytest.Denied()})
	err := quick().Tag(t.Context(), r, Manifest{Digest: digest}, []string{"x"})
	if err == nil || !strings.Contains(err.Error(), "permission_denied: write_package") || errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if n := len(s.Asked("", "")); n > 2 {
		t.Errorf("a denial was asked %d times", n)
	}
	s.Mend()
	s.Fail(registrytest.Fault{On: registrytest.To(http.MethodGet, "/manifests/"), Do: registrytest.CutAnswer(10)})
	if _, err := quick().Read(t.Context(), r, "v1"); err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("%v", err)
	}
	if n := len(s.Asked("", "/manifests/")); n != tries {
		t.Errorf("a cut answer was asked for %d times", n)
	}
}

func TestClient_AnUnknownBlobThatStaysIsNoMissingImage(t *testing.T) {
	s := registrytest.New(t)
	r := in(t, s)
	digest := push(t, r, "v1", "amd64")
	s.Fail(registrytest.Fault{On: registrytest.Manifest, Do: registrytest.UnknownBlob(404)})
	err := quick().Tag(t.Context(), r, Manifest{Digest: digest}, []string{"x"})
	if err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "blob unknown") {
		t.Errorf("%v", err)
	}
}

func TestRetrying_FollowsRetryAfterAndItsContext(t *testing.T) {
	s := registrytest.New(t)
	get := func(with Retrying) int {
		with.Next = http.DefaultTransport
		res, err := (&http.Client{Transport: with}).Get(s.URL + "/v2/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	s.Fail(registrytest.Fault{Times: 3, Do: registrytest.Status(429, "", "", "Retry-After", "0")})
	if got := get(Retrying{Wait: time.Hour}); got != 200 || len(s.Asked("", "")) != 4 {
		t.Errorf("%d after %d", got, len(s.Asked("", "")))
	}
	s.Mend()
	s.Fail(registrytest.Fault{Do: registrytest.Status(503, "", "")})
	if got := get(Retrying{Wait: time.Millisecond}); got != 503 || len(s.Asked("", "")) != tries {
		t.Errorf("%d after %d", got, len(s.Asked("", "")))
	}
}

func TestRetrying_TheBudgetIsOfAllRequests(t *testing.T) {
	s := registrytest.New(t)
	s.Fail(registrytest.Fault{Do: registrytest.Status(503, "", "")})
	with := Retrying{Next: http.DefaultTransport, Wait: time.Millisecond, Budget: NewBudget(5 * time.Millisecond)}
	asked := func() string {
		res, err := (&http.Client{Transport: with}).Get(s.URL + "/v2/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		defer s.Mend()
		defer s.Fail(registrytest.Fault{Do: registrytest.Status(503, "", "")})
		return strconv.Itoa(len(s.Asked("", "")))
	}
	// 1 and 3 of 5 milliseconds are waited; 9 are not there.
	if first := asked(); first != "3" {
		t.Errorf("asked %s times, want 3", first)
	}
	s.Fail(registrytest.Fault{Do: registrytest.Status(503, "", "")})
	if second := asked(); second != "1" {
		t.Errorf("then asked %s times, want 1", second)
	}
}

// What breaks in HTTP/2 is a stream, and the connection stays.
func TestRetrying_BrokenStreams(t *testing.T) {
	asked := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < tries {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush() // before the stream is reset
			panic(http.ErrAbortHandler)
		}
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	res, err := (&http.Client{Transport: Retrying{Next: s.Client().Transport, Wait: time.Millisecond}}).Get(s.URL)
	if err != nil || asked != tries || res.ProtoMajor != 2 {
		t.Fatalf("%v after %d", err, asked)
	}
	res.Body.Close()
}

func TestRetryAfter(t *testing.T) {
	for said, want := range map[string]time.Duration{
		"": time.Second, "soon": time.Second, "0": 0, "7": 7 * time.Second, "3600": longestWait,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): longestWait, "Mon, 02 Jan 2006 15:04:05 GMT": 0,
	} {
		if got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {said}}}, time.Second); got != want {
			t.Errorf("%q: %s, want %s", said, got, want)
		}
	}
}

// reader is a server that answers with what it was sent.
type reader func(body string)

func (f reader) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	f(string(body))
	return &http.Response{StatusCode: http.StatusUnauthorized, Body: http.NoBody, Request: r}, err
}

// The library sends a request again when it has another token.
func TestRetrying_TheSameRequestHasItsBodyAgain(t *testing.T) {
	var got []string
	with := Retrying{Next: reader(func(body string) { got = append(got, body) })}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://r.test/v2/a/manifests/v1", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		res, err := with.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	if want := []string{"{}", "{}"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
