package registry

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/buenhyden/hy-home/internal/registry/registrytest"
	"github.com/buenhyden/hy-home/internal/testkit"
)

// tokened is a registry that lets me in with tokens, which are counted, and the
// repository of a client that keeps its logins.
func tokened(t *testing.T) (*registrytest.Registry, *testkit.Tokens, Client, Repository) {
	t.Helper()
	tokens := testkit.NewTokens(t, "me", "right")
	server := httptest.NewServer(tokens)
	t.Cleanup(server.Close)
	s := registrytest.New(t)
	r := in(t, s)
	push(t, r, "v1", "amd64")
	s.Fail(registrytest.Fault{Do: bearer(server.URL)})
	return s, tokens, Client{Credentials: Credentials{"me", "right"}, Logins: &Logins{}}, r
}

// ask asks all that a run asks of the repository it pushes to.
func ask(t *testing.T, c Client, r Repository) {
	t.Helper()
	if err := c.CheckPush(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	m, err := c.Read(t.Context(), r, "v1")
	if err == nil {
		_, err = c.Digest(t.Context(), r, "v1")
	}
	if err == nil {
		err = c.Tag(t.Context(), r, m, []string{"v2"})
	}
	if err == nil {
		_, err = c.Attestations(t.Context(), r, "v2")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLogins_AreMadeOnce(t *testing.T) {
	s, tokens, c, r := tokened(t)
	ask(t, c, r)
	if n := tokens.Given(); n != 1 {
		t.Errorf("%d tokens were asked for", n)
	}
	pings := 0
	for _, q := range s.Asked("", "/v2/") {
		if q.Path == "/v2/" {
			pings++
		}
	}
	if pings != 1+1 { // and one of who pushed the image
		t.Errorf("the registry was asked %d times how it lets in", pings)
	}
	c.Logins = nil
	if ask(t, c, r); tokens.Given() != 1+5 {
		t.Errorf("%d tokens: each question should have asked for its own", tokens.Given())
	}
}

// Who may pull may not push, and each repository is another.
func TestLogins_AreForOneRepositoryAndRight(t *testing.T) {
	s, tokens, c, r := tokened(t)
	base, err := ParseRepository("image", s.Host+"/library/base")
	if err != nil {
		t.Fatal(err)
	}
	var given []int
	for _, do := range []func() error{
		func() error { _, err := c.Digest(t.Context(), r, "v1"); return err },
		func() error { return c.CheckPush(t.Context(), r) },
		func() error { _, err := c.Digest(t.Context(), r, "v1"); return err },
		func() error { return c.CheckPush(t.Context(), base) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		given = append(given, tokens.Given())
	}
	if want := []int{1, 2, 2, 3}; !slices.Equal(given, want) {
		t.Errorf("tokens after each question: %v, want %v", given, want)
	}
}

// A build may take longer than a token is good for.
func TestLogins_OutlastTheirToken(t *testing.T) {
	s, tokens, c, r := tokened(t)
	m, err := c.Read(t.Context(), r, "v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckPush(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	before := tokens.Given()
	server := httptest.NewServer(tokens)
	defer server.Close()
	expired := registrytest.Status(401, "UNAUTHORIZED", "token expired", "WWW-Authenticate", `Bearer realm="`+server.URL+`",service="registry.test",error="invalid_token"`)
	for _, on := range []func(*http.Request) bool{registrytest.Manifest, registrytest.To(http.MethodHead, "/manifests/")} {
		s.Mend()
		s.Fail(registrytest.Fault{On: on, Times: 1, Do: expired})
		err := c.Tag(t.Context(), r, m, []string{"v3"})
		if err == nil {
			_, err = c.Digest(t.Context(), r, "v3")
		}
		if err != nil || s.Left() != 0 {
			t.Errorf("%v, %d faults were not met", err, s.Left())
		}
	}
	if n := tokens.Given() - before; n != 2 {
		t.Errorf("%d tokens in place of those that expired", n)
	}
}

func TestLogins_AFailedOneIsMadeAnew(t *testing.T) {
	s, tokens, c, r := tokened(t)
	c.Transport = Retrying{Next: http.DefaultTransport}
	refuse := registrytest.Fault{Times: 1, Do: registrytest.Status(403, "DENIED", "not now")}
	s.Mend()
	s.Fail(refuse)
	if err := c.CheckPush(t.Context(), r); err == nil || !strings.Contains(err.Error(), "not now") {
		t.Fatalf("%v", err)
	}
	if err := c.CheckPush(t.Context(), r); err != nil || tokens.Given() != 0 {
		t.Errorf("%v", err)
	}
}

// Who asks while a login is made waits for it.
func TestLogins_AtOnce(t *testing.T) {
	_, tokens, c, r := tokened(t)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			if err := c.CheckPush(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if n := tokens.Given(); n != 1 {
		t.Errorf("%d tokens were asked for", n)
	}
}
