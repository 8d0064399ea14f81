package speak

import (
	"net/http"
	"testing"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/servers"
)

func keys(bucket string) Target {
	return Target{AccessKey: servers.AccessKey, SecretKey: servers.SecretKey, Bucket: bucket}
}

func TestS3(t *testing.T) {
	port := servers.S3(t, nil)
	for _, c := range []talk{
		{name: "no keys", port: port, said: "denies who has no keys"},
		{name: "a list", port: port, target: keys(""), said: "1 buckets"},
		{name: "a round trip", port: port, target: keys(servers.Bucket), said: "put, get and delete in bucket " + servers.Bucket},
		{name: "in its region", port: port, target: Target{AccessKey: servers.AccessKey, SecretKey: servers.SecretKey, Bucket: servers.Bucket, Region: "us-east-1"}, said: "put, get and delete"},
		{name: "no such bucket", port: port, target: keys("tempo"), final: true, fault: "put an object into bucket tempo: 404 NoSuchBucket"},
		{name: "no such key", port: port, target: Target{AccessKey: "guess", SecretKey: "guess"}, final: true, fault: "a list of buckets: 404 XAdminUserNotFound"},
		{name: "wrong secret", port: port, target: Target{AccessKey: servers.AccessKey, SecretKey: "guess"}, final: true, fault: "403 SignatureDoesNotMatch"},
		{name: "TLS to who has none", port: port, target: Target{AccessKey: servers.AccessKey, SecretKey: servers.SecretKey, TLS: true}, final: true, fault: "it speaks no TLS at this port"},
		{name: "nobody", port: servers.Port(t), target: keys(""), fault: "open localhost at 127.0.0.1:"},
	} {
		c.run(t, catalog.S3)
	}
}

// A server of something else is not taken for S3, whatever its status.
func TestS3_InItsOwnWords(t *testing.T) {
	page := func(status int, text string) int {
		return web(t, nil, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		})
	}
	for _, c := range []talk{
		{name: "a page", port: page(http.StatusOK, "<html><p>nginx</html>"), fault: "not in S3's words", final: true},
		{name: "text", port: page(http.StatusOK, "welcome"), fault: "a list of buckets: ", final: true},
		{name: "denied by a page", port: page(http.StatusForbidden, "<html>no</html>"), fault: "403, and not in S3's words", final: true},
		{name: "no such key, in Amazon's words", port: page(http.StatusForbidden, "<Error><Code>InvalidAccessKeyId</Code></Error>"), target: keys(""), fault: "403 InvalidAccessKeyId", final: true},
		{name: "busy", port: page(http.StatusServiceUnavailable, "<Error><Code>SlowDown</Code></Error>"), fault: "503 SlowDown"},
		{name: "denied in its words", port: page(http.StatusForbidden, "<Error><Code>AccessDenied</Code></Error>"), said: "denies who has no keys"},
	} {
		c.run(t, catalog.S3)
	}
}

func TestS3_OverTLS(t *testing.T) {
	overTLS(t, catalog.S3, keys(servers.Bucket), "put, get and delete in bucket", func(id *servers.Identity) int {
		port := servers.S3(t, id)
		talk{name: "without TLS to who wants it", port: port, target: keys(servers.Bucket), final: true, fault: "it speaks TLS at this port: set tls"}.run(t, catalog.S3)
		return port
	})
}
