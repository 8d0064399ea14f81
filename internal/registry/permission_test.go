package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/registry/registrytest"
	"github.com/buenhyden/hy-home/internal/testkit"
)

func write(t *testing.T, file, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// bearer lets in who has a token, and says where one is to be had.
func bearer(realm string) registrytest.Spoil {
	return func(w http.ResponseWriter, r *http.Request, registry http.Handler) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			registrytest.Status(401, "UNAUTHORIZED", "authentication required", "WWW-Authenticate",
				fmt.Sprintf(`Bearer realm="%s/token",service="registry.test"`, realm))(w, r, registry)
			return
		}
		registry.ServeHTTP(w, r)
	}
}

// guarded are registries that let me in with the password "right", by its kind.
func guarded(t *testing.T) map[string]*registrytest.Registry {
	tokens := httptest.NewServer(testkit.NewTokens(t, "me", "right"))
	t.Cleanup(tokens.Close)
	basic, token := registrytest.New(t), registrytest.New(t)
	basic.Fail(registrytest.Fault{Do: registrytest.Login("me", "right")})
	token.Fail(registrytest.Fault{Do: bearer(tokens.URL)})
	return map[string]*registrytest.Registry{"basic": basic, "token": token}
}

func TestCheckLogin(t *testing.T) {
	for kind, s := range guarded(t) {
		if err := (Client{Credentials: Credentials{"me", "right"}}).CheckLogin(t.Context(), s.URL); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		err := (Client{Credentials: Credentials{"me", "wr0ng"}}).CheckLogin(t.Context(), s.URL)
		if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s, wrong password: %v", kind, err)
		}
	}
	if err := (Client{Credentials: Credentials{"me", "x"}}).CheckLogin(t.Context(), registrytest.New(t).URL); err != nil {
		t.Errorf("a registry that asks nobody: %v", err)
	}
	if err := (Client{Credentials: Credentials{"me", "x"}}).CheckLogin(t.Context(), "http://127.0.0.1:1"); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestCheckPush_TellsTheLoginFromTheRight(t *testing.T) {
	for kind, s := range guarded(t) {
		r := in(t, s)
		for _, c := range []struct {
			with Credentials
			want string // "" is yes
		}{
			{Credentials{"me", "right"}, ""},
			{Credentials{"me", "wr0ng"}, "does not take the login of user me"},
			{Credentials{}, "without a login"},
		} {
			err := Client{Credentials: c.with}.CheckPush(t.Context(), r)
			if c.want == "" && err == nil {
				continue
			}
			if c.want == "" || exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("%s, %v: %v, want %q", kind, c.with, err, c.want)
			}
		}
	}
	// The user is known and has no right, in the words of GHCR and of Docker Hub.
	for name, no := range map[string]registrytest.Spoil{
		"403": registrytest.Denied(),
		"401": registrytest.Status(401, "UNAUTHORIZED", "insufficient_scope: push"),
	} {
		for kind, s := range guarded(t) {
			if kind == "basic" && name == "401" {
				continue // that is what a wrong password gets there
			}
			guard := registrytest.Fault{On: registrytest.Start, Do: no}
			again := registrytest.New(t)
			again.Fail(guard)
			again.Fail(registrytest.Fault{Do: func(w http.ResponseWriter, r *http.Request, _ http.Handler) { s.ServeHTTP(w, r) }})
			err := Client{Credentials: Credentials{"me", "right"}}.CheckPush(t.Context(), in(t, again))
			if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "user me may not push to") {
				t.Errorf("%s of %s: %v", name, kind, err)
			}
		}
	}
}

func TestCheckPush_LeavesNothingBehind(t *testing.T) {
	for _, logins := range []*Logins{nil, {}} {
		s := registrytest.New(t)
		if err := (Client{Logins: logins}).CheckPush(t.Context(), in(t, s)); err != nil {
			t.Fatal(err)
		}
		if logins != nil {
			logins.Wait()
		}
		started, given := s.Asked(http.MethodPost, "/blobs/uploads/"), s.Asked(http.MethodDelete, "/blobs/uploads/")
		if len(started) != 1 || len(given) != 1 {
			t.Errorf("started %v, given up %v", started, given)
		}
	}
}

// The answer is there before the upload is given up, which an interrupt does not prevent.
func TestCheckPush_GivesUpBehindItsAnswer(t *testing.T) {
	s, logins, answered := registrytest.New(t), &Logins{}, make(chan struct{})
	s.Fail(registrytest.Fault{On: registrytest.To(http.MethodDelete, "/blobs/uploads/"), Times: 1, Do: func(w http.ResponseWriter, r *http.Request, registry http.Handler) {
		<-answered
		registry.ServeHTTP(w, r)
	}})
	ctx, interrupt := context.WithCancel(t.Context())
	if err := (Client{Logins: logins}).CheckPush(ctx, in(t, s)); err != nil {
		t.Fatal(err)
	}
	interrupt()
	close(answered)
	if logins.Wait(); s.Left() != 0 {
		t.Error("nothing was given up")
	}
}

func TestCheckPush_ARepositoryThatNobodyMakes(t *testing.T) {
	s := registrytest.New(t)
	s.Fail(registrytest.Fault{On: registrytest.Start, Do: registrytest.Status(404, "NAME_UNKNOWN", "The repository with name 'shop/backend' does not exist")})
	err := Client{}.CheckPush(t.Context(), in(t, s))
	if exit.Code(err) != exit.BadInput || !strings.Contains(err.Error(), "create it there first") {
		t.Errorf("%v", err)
	}
}

func TestCheckPush_UsesTheDockerConfiguration(t *testing.T) {
	s := registrytest.New(t)
	s.Fail(registrytest.Fault{Do: registrytest.Login("me", "secret")})
	r := in(t, s)
	auth := base64.StdEncoding.EncodeToString([]byte("me:secret"))
	write(t, filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), `{"auths":{"`+r.Host()+`":{"auth":"`+auth+`"}}}`, 0o600)
	if err := (Client{}).CheckPush(t.Context(), r); err != nil {
		t.Error(err)
	}
}

func TestCheckPush_EndsWithItsContext(t *testing.T) {
	s := registrytest.New(t)
	s.Fail(registrytest.Fault{Do: func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := (Client{}).CheckPush(ctx, in(t, s)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestCheckPush_AsksTheCredentialHelper(t *testing.T) {
	s := registrytest.New(t)
	s.Fail(registrytest.Fault{Do: registrytest.Login("me", "secret")})
	r := in(t, s)
	bin := t.TempDir()
	write(t, filepath.Join(bin, "docker-credential-test"), "#!/bin/sh\ncat >/dev/null\necho '{\"Username\":\"me\",\"Secret\":\"secret\"}'\n", 0o755)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	write(t, filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), `{"credHelpers":{"`+r.Host()+`":"test"}}`, 0o600)
	if err := (Client{}).CheckPush(t.Context(), r); err != nil {
		t.Error(err)
	}
}
