package speak

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
)

func web(t *testing.T, h http.HandlerFunc) int {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(u.Port())
	return port
}

func TestHTTP(t *testing.T) {
	port := web(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ready":
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/away":
			http.Redirect(w, r, "/ready", http.StatusFound)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	for _, tt := range []struct {
		path        string
		status      int
		said, fault string
	}{
		{"/ready", 0, "200 for GET /ready", ""},
		{"", 404, "404 for GET /", ""},
		{"/none", 0, "", "GET /none answers 404, want 200"},
		{"/busy", 0, "", "GET /busy answers 503, want 200"},
		{"/away", 0, "", "GET /away answers 302, want 200"},
	} {
		expect(t, talk(t, Target{Protocol: catalog.HTTP, Port: port, Path: tt.path, Status: tt.status}), tt.said, tt.fault)
	}
}

func TestS3(t *testing.T) {
	list := `<?xml version="1.0"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets><Bucket><Name>loki</Name></Bucket><Bucket><Name>tempo</Name></Bucket></Buckets></ListAllMyBucketsResult>`
	port := web(t, func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		switch {
		case auth == "":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<Error><Code>AccessDenied</Code></Error>"))
		case !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=key/"):
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<Error><Code>InvalidAccessKeyId</Code></Error>"))
		default:
			_, _ = w.Write([]byte(list))
		}
	})
	expect(t, talk(t, Target{Protocol: catalog.S3, Port: port}), "denies who has no keys", "")
	expect(t, talk(t, Target{Protocol: catalog.S3, Port: port, AccessKey: "key", SecretKey: "s"}), "2 buckets", "")
	expect(t, talk(t, Target{Protocol: catalog.S3, Port: port, AccessKey: "kez", SecretKey: "s"}), "", "403 InvalidAccessKeyId")
	page := web(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html><p>nginx</html>")) })
	expect(t, talk(t, Target{Protocol: catalog.S3, Port: page}), "", "not in S3's words: <html>")
}

// The example "GET Bucket Lifecycle" of Amazon's page on signatures in headers
// has the same form as ours, but for its query.
func TestSign_AmazonsExample(t *testing.T) {
	r, err := http.NewRequest(http.MethodGet, "http://examplebucket.s3.amazonaws.com/?lifecycle=", nil)
	if err != nil {
		t.Fatal(err)
	}
	sign(r, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	const want = "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
	if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
