package speak

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// get asks over the connection that is open already, so that what was resolved
// and timed is what answers; redirects are answers, not orders.
func get(ctx context.Context, c *conn, r *http.Request) (status int, body string, err error) {
	client := http.Client{
		Transport: &http.Transport{
			DialContext:       func(context.Context, string, string) (net.Conn, error) { return c.Conn, nil },
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r.Header.Set("User-Agent", "hyaction")
	response, err := client.Do(r.WithContext(ctx))
	if err != nil {
		return 0, "", fmt.Errorf("GET %s: %w", r.URL, cause(err))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxText))
	if err != nil {
		return 0, "", fmt.Errorf("GET %s: %w", r.URL, cause(err))
	}
	return response.StatusCode, string(text), nil
}

func speakHTTP(ctx context.Context, c *conn, t Target) (string, error) {
	path, want := t.Path, t.Status
	if path == "" {
		path = "/"
	}
	if want == 0 {
		want = http.StatusOK
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostPort(t.Name, t.Port)+path, nil)
	if err != nil {
		return "", refuse("path %q: %v", path, err)
	}
	status, _, err := get(ctx, c, r)
	switch {
	case err != nil:
		return "", err
	case status != want && status >= 500:
		return "", fmt.Errorf("GET %s answers %d, want %d", path, status, want) // it may be starting
	case status != want:
		return "", refuse("GET %s answers %d, want %d", path, status, want)
	}
	return fmt.Sprintf("%d for GET %s", status, path), nil
}

// speakS3 lists the buckets. Without keys a refusal in S3's own words is enough:
// somebody is there who speaks S3.
func speakS3(ctx context.Context, c *conn, t Target) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostPort(t.Name, t.Port)+"/", nil)
	if err != nil {
		return "", refuse("%v", err)
	}
	if t.AccessKey != "" {
		sign(r, t.AccessKey, t.SecretKey, time.Now().UTC())
	}
	status, body, err := get(ctx, c, r)
	if err != nil {
		return "", err
	}
	return judgeS3(status, body, t.AccessKey != "")
}

func judgeS3(status int, body string, signed bool) (string, error) {
	var answer struct {
		XMLName xml.Name
		Code    string `xml:"Code"`
		Buckets []struct {
			Name string `xml:"Name"`
		} `xml:"Buckets>Bucket"`
	}
	if err := xml.Unmarshal([]byte(body), &answer); err != nil {
		return "", refuse("%d for a list of buckets, and not in S3's words: %s", status, printable(body))
	}
	switch {
	case status == http.StatusOK && answer.XMLName.Local == "ListAllMyBucketsResult":
		return fmt.Sprintf("%d buckets", len(answer.Buckets)), nil
	case status == http.StatusForbidden && answer.Code == "AccessDenied" && !signed:
		return "denies who has no keys", nil
	case status >= 500:
		return "", fmt.Errorf("a list of buckets: %d %s", status, printable(answer.Code))
	}
	return "", refuse("a list of buckets: %d %s", status, printable(answer.Code))
}

// emptyHash is the SHA-256 of a request without a body.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// sign adds a Signature Version 4 to a GET of the root path, whose canonical form
// is therefore fixed but for host, date and region. The region is the one that S3
// servers of one's own take when none is configured.
func sign(r *http.Request, accessKey, secretKey string, now time.Time) {
	const region, service = "us-east-1", "s3"
	const signed = "host;x-amz-content-sha256;x-amz-date"
	stamp, day := now.Format("20060102T150405Z"), now.Format("20060102")
	r.Header.Set("X-Amz-Date", stamp)
	r.Header.Set("X-Amz-Content-Sha256", emptyHash)
	canonical := strings.Join([]string{
		r.Method, "/", r.URL.RawQuery,
		"host:" + r.URL.Host, "x-amz-content-sha256:" + emptyHash, "x-amz-date:" + stamp, "",
		signed, emptyHash,
	}, "\n")
	scope := strings.Join([]string{day, region, service, "aws4_request"}, "/")
	digest := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hex.EncodeToString(digest[:])}, "\n")
	key := []byte("AWS4" + secretKey)
	for _, part := range []string{day, region, service, "aws4_request", text} {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", accessKey, scope, signed, hex.EncodeToString(key)))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
