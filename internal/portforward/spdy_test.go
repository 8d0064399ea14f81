package portforward

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// apiServer has one Service with one pod, and forwards by SPDY alone.
type apiServer struct {
	*httptest.Server
	backend   string                           // what the pod serves, host:port
	websocket int                              // how a WebSocket is refused
	spdy      func(w http.ResponseWriter) bool // refuses SPDY too, if it wants to

	mu    sync.Mutex
	asked []string // methods of the forward
	lives []httpstream.Connection
}

func serve(t *testing.T, backend string) *apiServer {
	t.Helper()
	a := &apiServer{backend: backend, spdy: func(http.ResponseWriter) bool { return false }}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/m/services/p", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, `{"kind": "Service", "apiVersion": "v1", "spec": {"ports": [{"port": 9090}]}}`)
	})
	mux.HandleFunc("GET /apis/discovery.k8s.io/v1/namespaces/m/endpointslices", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, `{"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "items": [
			{"ports": [{"name": "", "port": 80}], "endpoints": [{"targetRef": {"kind": "Pod", "name": "p-0"}}]}]}`)
	})
	mux.HandleFunc("/api/v1/namespaces/m/pods/p-0/portforward", a.forward)
	a.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		for _, c := range a.lives {
			c.Close()
		}
		a.Close()
	})
	return a
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprint(w, text)
}

func refuse(w http.ResponseWriter, code int) {
	text, _ := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code),
		Reason:  map[int]metav1.StatusReason{http.StatusForbidden: metav1.StatusReasonForbidden, http.StatusBadRequest: metav1.StatusReasonBadRequest}[code],
		Message: fmt.Sprintf("the server says %d", code),
	})
	answer(w, code, string(text))
}

// forward does as a kubelet does: each connection is a stream for data and one for faults.
func (a *apiServer) forward(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method)
	if r.Method == http.MethodGet { // a WebSocket
		refuse(w, a.websocket)
		return
	}
	if a.spdy(w) {
		return
	}
	if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
		return
	}
	c := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, accepted <-chan struct{}) error {
		go func() {
			<-accepted
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeData && s.Headers().Get(corev1.PortHeader) == "80" {
				a.pipe(s)
			}
			s.Close()
		}()
		return nil
	})
	if c != nil {
		a.lives = append(a.lives, c)
	}
}

func (a *apiServer) pipe(s httpstream.Stream) {
	pod, err := net.Dial("tcp", a.backend)
	if err != nil {
		return
	}
	defer pod.Close()
	go io.Copy(pod, s) // both end with either
	io.Copy(s, pod)    // both end with either
}

// TestDial_SpeaksSPDYWhereWebSocketsAreRefused has an API server before Kubernetes
// 1.31, and an account that may create a forward and not get one.
func TestDial_SpeaksSPDYWhereWebSocketsAreRefused(t *testing.T) {
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "asked "+r.URL.Path+" as "+r.Header.Get("Authorization"))
	}))
	defer pod.Close()
	for _, code := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed} {
		a := serve(t, pod.Listener.Addr().String())
		a.websocket = code
		service := To(&rest.Config{Host: a.URL}, "m", "p", "9090")
		client := &http.Client{Transport: &http.Transport{DialContext: service.DialContext, DisableKeepAlives: true}}
		for range 3 { // each over a connection of its own
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://p.m.svc/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer t")
			response, err := client.Do(request)
			if err != nil {
				t.Fatalf("%d: %v", code, err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || string(body) != "asked /x as Bearer t" {
				t.Errorf("%d: %q, %v", code, body, err)
			}
		}
		if !slices.Equal(a.asked, []string{http.MethodGet, http.MethodPost}) {
			t.Errorf("%d: the forward was asked for by %v", code, a.asked)
		}
	}
}

// TestDial_SaysWhichPermissionIsMissing where neither way is open.
func TestDial_SaysWhichPermissionIsMissing(t *testing.T) {
	for code, want := range map[int]string{
		http.StatusForbidden:  "no permission to forward ports in namespace m: grant create on pods/portforward (the server says 403)",
		http.StatusBadRequest: "forward to pod p-0: the server says 400",
	} {
		a := serve(t, "")
		a.websocket = code
		a.spdy = func(w http.ResponseWriter) bool { refuse(w, code); return true }
		_, err := To(&rest.Config{Host: a.URL}, "m", "p", "9090").DialContext(context.Background(), "tcp", "")
		if err == nil || !strings.HasPrefix(err.Error(), "reach service m/p: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v, want %q", code, err, want)
		}
	}
}
