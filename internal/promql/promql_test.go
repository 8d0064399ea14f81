package promql

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// answering starts a server that answers every query with status and body.
func answering(t *testing.T, status int, body string) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/prefix/api/v1/query" || r.Method != http.MethodGet || r.URL.Query().Get("query") == "" {
			http.Error(w, "unexpected "+r.Method+" "+r.URL.String(), http.StatusTeapot)
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return New(s.URL+"/prefix/", s.Client(), "the test")
}

func success(kind, result string) string {
	return `{"status":"success","data":{"resultType":"` + kind + `","result":` + result + `}}`
}

func TestQuery_Results(t *testing.T) {
	for _, c := range []struct {
		name, body string
		text       string
		value      string // as fmt prints it
	}{
		{"vector", success("vector", `[{"metric":{"a":"b"},"value":[1.5,"10"]},{"metric":{},"value":[1.5,"0.25"]}]`), "[10,0.25]", "[10 0.25]"},
		{"empty vector", success("vector", `[]`), "[]", "[]"},
		{"scalar", success("scalar", `[1.5,"3"]`), "3", "3"},
		{"scalar NaN", success("scalar", `[1.5,"NaN"]`), "NaN", "NaN"},
		{"infinite", success("vector", `[{"value":[1,"+Inf"]},{"value":[1,"-Inf"]}]`), "[+Inf,-Inf]", "[+Inf -Inf]"},
		{"matrix is flattened", success("matrix", `[{"values":[[1,"1"],[2,"2"]]},{"values":[[1,"3"]]}]`), "[1,2,3]", "[1 2 3]"},
	} {
		r, err := answering(t, 200, c.body).Query(t.Context(), "q")
		if err != nil || r.String() != c.text || fmt.Sprint(r.Value()) != c.value {
			t.Errorf("%s: %s %v, %v", c.name, r, r.Value(), err)
		}
	}
	r, err := answering(t, 200, `{"status":"success","warnings":["slow"],"data":{"resultType":"vector","result":[]}}`).Query(t.Context(), "q")
	if err != nil || len(r.Warnings) != 1 || r.Value().([]float64) == nil {
		t.Errorf("warnings: %+v %v", r, err)
	}
}

func TestQuery_Faults(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		body    string
		want    string
		invalid bool
	}{
		{"a query it cannot parse", 400, `{"status":"error","errorType":"bad_data","error":"parse error: unexpected )"}`, "bad_data: parse error: unexpected )", true},
		{"a query that takes too long", 503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, "timeout: query timed out", false},
		{"a string", 200, success("string", `[1,"x"]`), "the query gives a string", false},
		{"a histogram", 200, success("vector", `[{"metric":{},"histogram":[1,{}]}]`), "histogram", false},
		{"no Service behind the proxy", 404, `{"kind":"Status","message":"services \"prometheus\" not found"}`, `Prometheus at the test answers with HTTP 404 Not Found: services "prometheus" not found`, false},
		{"a login page", 200, "<html>", "is not a Prometheus", false},
		{"a gateway's error", 502, "bad gateway", "Prometheus at the test answers with HTTP 502 Bad Gateway", false},
		{"other JSON", 200, `{"ok":true}`, "is not a Prometheus", false},
		{"a broken sample", 200, success("vector", `[{"value":[1]}]`), "is not a Prometheus", false},
	} {
		_, err := answering(t, c.status, c.body).Query(t.Context(), "q")
		if err == nil || !strings.Contains(err.Error(), c.want) || Invalid(err) != c.invalid {
			t.Errorf("%s: %v (invalid %v), want %q", c.name, err, Invalid(err), c.want)
		}
	}
}

func TestPing(t *testing.T) {
	if err := answering(t, 200, success("vector", `[{"metric":{},"value":[1,"1"]}]`)).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := answering(t, 200, success("vector", `[]`)).Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "is not a Prometheus") {
		t.Error(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if err := New(gone.URL, http.DefaultClient, "http://prom").Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "Prometheus at http://prom does not answer: dial tcp") {
		t.Error(err)
	}
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hangs.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := New(hangs.URL, hangs.Client(), "http://prom").Ping(ctx); err == nil || err.Error() != "Prometheus at http://prom does not answer: timed out" {
		t.Error(err)
	}
}

// TestCheck has servers that parse a query, that do not know how to be asked for
// that, and a gateway that parses less than the server behind it.
func TestCheck(t *testing.T) {
	const bad = `{"status":"error","errorType":"bad_data","error":"parse error"}`
	for _, c := range []struct {
		name, parse, query string
		refused            bool
	}{
		{"a good query", `{"status":"success","data":"up"}`, success("vector", "[]"), false},
		{"a bad one", bad, bad, true},
		{"a server that cannot tell", "404 page not found", bad, false},
		{"one that is away", "", "", false},
		{"a gateway that knows less", bad, success("vector", "[]"), false},
		{"and whose server is away", bad, "bad gateway", false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, map[string]string{"/api/v1/format_query": c.parse, "/api/v1/query": c.query}[r.URL.Path])
		}))
		err := New(server.URL, server.Client(), "the test").Check(t.Context(), "up")
		server.Close()
		if Invalid(err) != c.refused || (err != nil) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestQuery_Long has a query that no gateway would take in a URL.
func TestQuery_Long(t *testing.T) {
	for query, method := range map[string]string{"up": http.MethodGet, "up or " + strings.Repeat("a or ", 2000) + "b": http.MethodPost} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.String()) > 4096 || r.Method != method || r.FormValue("query") != query {
				http.Error(w, "414 URI Too Long", http.StatusRequestURITooLong)
				return
			}
			fmt.Fprint(w, success("scalar", `[1,"1"]`))
		}))
		if _, err := New(server.URL, server.Client(), "the test").Query(t.Context(), query); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		server.Close()
	}
}

func TestParseTarget(t *testing.T) {
	for s, want := range map[string]Target{
		"http://localhost:9090":                  {URL: "http://localhost:9090"},
		"https://prom.example/prefix/":           {URL: "https://prom.example/prefix"},
		"service:monitoring/prometheus:9090":     {Namespace: "monitoring", Service: "prometheus", Port: "9090"},
		"service:monitoring/prometheus:http-web": {Namespace: "monitoring", Service: "prometheus", Port: "http-web"},
	} {
		got, err := ParseTarget(s)
		if err != nil || got != want || (want.URL == "" && got.String() != s) {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "localhost:9090", "ftp://x", "http://", "prometheus", "http://u:p@host", "http://host/?a=b", "http://host#x",
		"service:monitoring", "service:monitoring/prometheus", "service:a/b:c/d", "service:../x:1", "service:A/b:1", "service:a/b:",
	} {
		if got, err := ParseTarget(s); err == nil {
			t.Errorf("%s: %+v, want an error", s, got)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: the error shows credentials: %v", s, err)
		}
	}
}

func TestTemplate(t *testing.T) {
	q, err := ParseTemplate(`sum(rate(x{revision="{{pod-hash}}",ns="{{ namespace }}"}[1m]))`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := q.Render(Fields{"pod-hash": "7d9f8c", "namespace": "apps"})
	if err != nil || got != `sum(rate(x{revision="7d9f8c",ns="apps"}[1m]))` {
		t.Errorf("%s, %v", got, err)
	}
	for _, value := range []string{"", `x"}) or vector(0) #`, "a b", "{{namespace}}", "-x"} {
		if got, err := q.Render(Fields{"pod-hash": value, "namespace": "apps"}); err == nil {
			t.Errorf("value %q: %s, want an error", value, got)
		}
	}
	q, err = ParseTemplate("x{team='{{metadata.labels['team']}}',image='{{spec.template.spec.containers[0].image}}'}")
	if err != nil || len(q.Paths()) != 2 {
		t.Fatal(q.Paths(), err)
	}
	fields := Fields{"metadata.labels['team']": "blue", "spec.template.spec.containers[0].image": "ghcr.io/a/b:v1@sha256:00"}
	if got, err := q.Render(fields); err != nil || got != "x{team='blue',image='ghcr.io/a/b:v1@sha256:00'}" {
		t.Errorf("%s, %v", got, err)
	}
	for _, value := range []string{"", `a"`, "a'} or vector(0) #", `\`, "a\n"} {
		fields["metadata.labels['team']"] = value
		if got, err := q.Render(fields); err == nil {
			t.Errorf("value %q: %s, want an error", value, got)
		}
	}
	for _, s := range []string{"", "  ", "x{a='{{hsh}}'}", "{{}}", "{{meta.labels}}"} {
		if _, err := ParseTemplate(s); err == nil {
			t.Errorf("%q: want an error", s)
		}
	}
}

// FuzzDecode: whatever a server sends is a result or an error, never a panic, and
// a result's value is one that can be judged.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(success("vector", `[{"value":[1,"NaN"]}]`)))
	f.Add([]byte(success("scalar", `[1,"1"]`)))
	f.Add([]byte(success("matrix", `[{"values":[[1,"1"]]}]`)))
	f.Add([]byte(`{"status":"error"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parse(body)
		if err != nil {
			return
		}
		switch v := r.Value().(type) {
		case float64:
			if r.Kind != Scalar || (v != r.Values[0] && !math.IsNaN(v)) {
				t.Errorf("%+v", r)
			}
		case []float64:
			if v == nil || r.Kind == Scalar {
				t.Errorf("%+v", r)
			}
		}
	})
}
