package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// node is what podnet reads of a Node.
type node struct {
	Metadata struct{ Name string }
	Spec     struct{ PodCIDR string }
	Status   struct {
		Addresses []struct{ Type, Address string }
	}
}

// address is where the other nodes reach it.
func (n node) address() string {
	for _, a := range n.Status.Addresses {
		if a.Type == "InternalIP" {
			return a.Address
		}
	}
	return ""
}

// apiServer is the cluster's API server as this pod's service account sees it.
type apiServer struct {
	url   string
	token string // path of the file: the kubelet renews what is in it
	http  *http.Client
}

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// inCluster finds the API server. CONTROL_PLANE_ENDPOINT, which kind sets,
// comes first: the Service's address works only once kube-proxy does, and
// nothing in the cluster should wait for it.
func inCluster(getenv func(string) string) (*apiServer, error) {
	endpoint := getenv("CONTROL_PLANE_ENDPOINT")
	if endpoint == "" {
		endpoint = net.JoinHostPort(getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT"))
	}
	ca, err := os.ReadFile(filepath.Join(serviceAccount, "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("the service account's ca.crt holds no certificate")
	}
	return &apiServer{
		url:   "https://" + endpoint,
		token: filepath.Join(serviceAccount, "token"),
		http:  &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
	}, nil
}

// followNodes calls see with every node, and again with each one that is added
// or changed, until the API server ends the watch.
func (s *apiServer) followNodes(ctx context.Context, see func(node) error) error {
	body, err := s.get(ctx, nil)
	if err != nil {
		return err
	}
	var list struct {
		Metadata struct{ ResourceVersion string }
		Items    []node
	}
	err = json.NewDecoder(body).Decode(&list)
	body.Close()
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range list.Items {
		if err := see(n); err != nil {
			return err
		}
	}
	body, err = s.get(ctx, url.Values{"watch": {"1"}, "resourceVersion": {list.Metadata.ResourceVersion}})
	if err != nil {
		return err
	}
	defer body.Close()
	for events := json.NewDecoder(body); ; {
		var event struct {
			Type   string
			Object node
		}
		switch err := events.Decode(&event); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("watch nodes: %w", err)
		case event.Type == "ERROR":
			return nil // the version is too old: list again
		case event.Type == "DELETED":
			continue // its route leads nowhere, and goes when its range is given to another node
		}
		if err := see(event.Object); err != nil {
			return err
		}
	}
}

func (s *apiServer) get(ctx context.Context, query url.Values) (io.ReadCloser, error) {
	token, err := os.ReadFile(s.token)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/nodes?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("GET nodes: %s", res.Status)
	}
	return res.Body, nil
}
