package promql

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/prometheus/common/config"

	"github.com/buenhyden/hy-home/internal/decode"
)

// Access is how a Prometheus wants to be asked: by whom, and over which TLS. The
// zero Access asks without credentials.
type Access struct {
	Headers  map[string]string // sent with each request; they win over all else
	HTTP     HTTPConfig        // everything that headers cannot say
	OAuth2   *OAuth2           // unless HTTP names other credentials
	Insecure bool              // take any certificate for that of Prometheus
	Dial     Dial              // the way to a Service inside a cluster; nil is the network
}

// Dial opens a connection, as net.Dialer does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// OAuth2 are client credentials, with which a token for the queries is fetched.
type OAuth2 struct {
	TokenURL, ClientID, ClientSecret string
	Scopes                           []string
}

// HTTPConfig is a client configuration in the form of Prometheus' own
// http_client_config: basic_auth, authorization, oauth2, tls_config, proxy_url.
// Make it with [ParseHTTPConfig].
type HTTPConfig struct{ given *config.HTTPClientConfig }

// quoted is what YAML's errors show of a value.
var quoted = regexp.MustCompile("`[^`]*`|'[^']*'")

// ParseHTTPConfig reads YAML; nothing is the zero HTTPConfig. Files that it names
// are read again when they change, so a token that is renewed can be one. An error
// does not show values, which may be secrets.
func ParseHTTPConfig(text string) (HTTPConfig, error) {
	if strings.TrimSpace(text) == "" {
		return HTTPConfig{}, nil
	}
	given, err := config.LoadHTTPConfig(text)
	if err == nil {
		_, err = config.NewTLSConfig(&given.TLSConfig) // files that are not there
	}
	if err != nil {
		said := strings.Join(strings.Fields(quoted.ReplaceAllString(decode.Plain(err).Error(), "a value")), " ")
		return HTTPConfig{}, fmt.Errorf("it is no http_client_config of Prometheus: %s", said)
	}
	return HTTPConfig{given}, nil
}

// Connect prepares to ask the Prometheus at a target; no call is made.
func Connect(t Target, a Access) (*Client, error) {
	cfg := config.DefaultHTTPClientConfig
	if a.HTTP.given != nil {
		cfg = *a.HTTP.given
	}
	cfg.TLSConfig.InsecureSkipVerify = cfg.TLSConfig.InsecureSkipVerify || a.Insecure
	if a.OAuth2 != nil && cfg.BasicAuth == nil && cfg.Authorization == nil && cfg.OAuth2 == nil {
		cfg.OAuth2 = &config.OAuth2{TokenURL: a.OAuth2.TokenURL, ClientID: a.OAuth2.ClientID, ClientSecret: config.Secret(a.OAuth2.ClientSecret), Scopes: a.OAuth2.Scopes}
		cfg.OAuth2.TLSConfig.InsecureSkipVerify = a.Insecure // as Argo does, which asks both by one transport
		cfg.OAuth2.ProxyFromEnvironment = true
	}
	options := []config.HTTPClientOption{config.WithUserAgent("hyaction")}
	if a.Dial != nil {
		options = append(options, config.WithDialContextFunc(t.only(a.Dial)))
	} else if cfg.ProxyURL.URL == nil {
		cfg.ProxyFromEnvironment = true // as every program does
	}
	client, err := config.NewClientFromConfig(cfg, "prometheus", options...)
	if err != nil {
		return nil, fmt.Errorf("prepare to ask Prometheus at %s: %w", t, err)
	}
	c := New(t.base(), client, t.String())
	c.headers = a.Headers
	return c, nil
}

// only takes the way into the cluster for the target itself: the server that
// gives a token for it lies elsewhere.
func (t Target) only(way Dial) config.DialContextFunc {
	u, err := url.Parse(t.base())
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, splitErr := net.SplitHostPort(address); err == nil && splitErr == nil && host == u.Hostname() {
			return way(ctx, network, address)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// send adds the headers. They are the request's own, not the transport's: so
// net/http leaves credentials out when it is sent on to another host.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	for name, value := range c.headers {
		req.Header.Set(name, value)
	}
	return c.http.Do(req)
}
