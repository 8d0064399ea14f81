package ready

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// http asks a Service through the API server's proxy: no port has to be
// published and the answer proves the Service's endpoints as well.
func (c *Cluster) http(namespace string, p catalog.HTTPProbe) check {
	what := fmt.Sprintf("http %s/%s%s", namespace, p.Service, p.Path)
	name, port, _ := strings.Cut(p.Service, ":")
	want := p.Status
	if want == 0 {
		want = http.StatusOK
	}
	return asking(what, func(ctx context.Context) error {
		got, body, err := c.get(ctx, namespace, name, port, p.Path)
		if err == nil && got != want {
			err = fmt.Errorf("answers %d, want %d", got, want)
		}
		if err == nil {
			err = holds(body, p.Expect)
		}
		return err
	})
}

// asking is a check that asks again and again.
func asking(what string, ask func(context.Context) error) check {
	return check{what, func(ctx context.Context, progress func(string)) error {
		progress("waiting for " + what)
		return poll(ctx, what, ask)
	}}
}

// holds names the first text that an answer lacks.
func holds(answer string, texts []string) error {
	for _, want := range texts {
		if !strings.Contains(answer, want) {
			return fmt.Errorf("does not say %q but %q", want, oneLine(answer))
		}
	}
	return nil
}

// get is one GET, past the typed client: that makes an error of every status
// that it does not know, and drops the body. For a server error the proxy's text
// is an error as well, as it says what the number cannot ("no endpoints
// available for service", "dial tcp 10.244.1.2:9090: connection refused").
func (c *Cluster) get(ctx context.Context, namespace, name, port, path string) (int, string, error) {
	client, ok := c.Client.CoreV1().RESTClient().(*rest.RESTClient)
	if !ok {
		return 0, "", finalError{errors.New("this client cannot be asked for a proxy")}
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	path, query, _ := strings.Cut(path, "?")
	url := client.Get().Namespace(namespace).Resource("services").SubResource("proxy").Name("http:" + name + ":" + port).Suffix(path).URL()
	url.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url.String(), nil)
	if err != nil {
		return 0, "", finalError{err}
	}
	resp, err := client.Client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return 0, "", err
	}
	var answer metav1.Status
	switch {
	case resp.StatusCode < http.StatusInternalServerError:
		return resp.StatusCode, string(body), nil
	case json.Unmarshal(body, &answer) == nil && answer.Message != "":
		return resp.StatusCode, "", errors.New(oneLine(answer.Message))
	}
	return resp.StatusCode, "", fmt.Errorf("answers %d: %s", resp.StatusCode, oneLine(string(body)))
}

// maxBody is as much of an answer as is looked at.
const maxBody = 256 << 10

// loadBalancer waits by watch until a Service has an address, and then opens it
// from this machine: an address that nobody announces is as good as none.
func (c *Cluster) loadBalancer(around *surroundings, p catalog.LoadBalancerProbe) check {
	var address string
	service := catalog.ObjectProbe{Kind: "Service", Name: p.Service}
	assigned := c.watchObjects(around, "load balancer of ", service, func(obj *unstructured.Unstructured) verdict {
		list, _, _ := unstructured.NestedSlice(obj.Object, "status", "loadBalancer", "ingress")
		for _, item := range list {
			ingress, _ := item.(map[string]any)
			for _, key := range []string{"ip", "hostname"} {
				if text, _ := ingress[key].(string); text != "" {
					address = net.JoinHostPort(text, strconv.Itoa(p.Port))
					return verdict{done: true}
				}
			}
		}
		return verdict{state: "has no load balancer address"}
	})
	return check{assigned.what, func(ctx context.Context, progress func(string)) error {
		if err := assigned.hold(ctx, progress); err != nil {
			return err
		}
		return poll(ctx, assigned.what, func(ctx context.Context) error {
			conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
			if err != nil {
				return fmt.Errorf("this machine cannot open it: %w", err)
			}
			return conn.Close()
		})
	}}
}

// dialTimeout bounds one attempt to open an address: packets to one that nobody
// announces get no answer at all.
const dialTimeout = 3 * time.Second
