package registry

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/buenhyden/hy-home/internal/testkit"
)

func TestCheckLogin(t *testing.T) {
	tokens := httptest.NewServer(testkit.NewTokens(t, "me", "right"))
	t.Cleanup(tokens.Close)
	serve := func(challenge string, ok func(*http.Request) bool) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !ok(r) {
				w.Header().Set("WWW-Authenticate", challenge)
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	for kind, at := range map[string]string{
		"token": serve(fmt.Sprintf(`Bearer realm="%s/token",service="registry.test"`, tokens.URL), func(r *http.Request) bool {
			return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ")
		}),
		"basic": serve(`Basic realm="x"`, func(r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			return user == "me" && password == "right"
		}),
	} {
		if err := (Client{Credentials: Credentials{"me", "right"}}).CheckLogin(t.Context(), at); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		err := (Client{Credentials: Credentials{"me", "wr0ng"}}).CheckLogin(t.Context(), at)
		if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s, wrong password: %v", kind, err)
		}
	}
	open := serve("", func(*http.Request) bool { return true })
	if err := (Client{Credentials: Credentials{"me", "x"}}).CheckLogin(t.Context(), open); err != nil {
		t.Errorf("a registry that asks nobody: %v", err)
	}
	if err := (Client{Credentials: Credentials{"me", "x"}}).CheckLogin(t.Context(), "http://127.0.0.1:1"); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("nobody there: %v", err)
	}
}
