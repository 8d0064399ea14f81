package speak

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// overHTTP is how a server by HTTP is reached: always the target, under whatever
// name it is asked for.
func overHTTP(d *dialer) *http.Transport {
	toTarget := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.dial(ctx, d.target.Name, d.target.Port)
	}
	return &http.Transport{DialContext: toTarget, DialTLSContext: toTarget, DisableKeepAlives: true, MaxResponseHeaderBytes: maxText}
}

// host is whom a server by HTTP is asked for: with TLS the one that the
// certificate is for, which is also the one that S3's signatures are for.
func (d *dialer) host() string {
	name := d.target.Name
	if d.target.TLS {
		name = d.certified(name)
	}
	return hostPort(name, d.target.Port)
}

func speakHTTP(ctx context.Context, d *dialer) (string, error) {
	path, want, scheme := d.target.Path, d.target.Status, "http://"
	if path == "" {
		path = "/"
	}
	if want == 0 {
		want = http.StatusOK
	}
	if d.target.TLS {
		scheme = "https://"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+d.host()+path, nil)
	if err != nil {
		return "", refuse("path %q: %v", path, err)
	}
	r.Header.Set("User-Agent", "hyaction")
	if d.target.Password != "" {
		r.SetBasicAuth(d.target.User, d.target.Password)
	}
	client := http.Client{
		Transport:     overHTTP(d),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // redirects are answers, not orders
	}
	response, err := client.Do(r)
	if err != nil {
		return "", fmt.Errorf("GET %s: %w", path, cause(err))
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxText))
	status := response.StatusCode
	switch {
	case err != nil:
		return "", fmt.Errorf("GET %s: %w", path, cause(err))
	case status == want:
		return fmt.Sprintf("%d for GET %s", status, path), nil
	case status == http.StatusBadRequest:
		return "", stranger("GET %s answers %d, want %d", path, status, want)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return "", refuse("GET %s answers %d, want %d: it wants another user or password", path, status, want)
	case status >= 500:
		return "", passing("GET %s answers %d, want %d", path, status, want) // it may be starting
	}
	return "", refuse("GET %s answers %d, want %d", path, status, want)
}

// maxText bounds what is kept of an answer.
const maxText = 1 << 20
