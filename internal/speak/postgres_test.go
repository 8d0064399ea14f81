package speak

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/servers"
)

func TestPostgres(t *testing.T) {
	port := servers.Postgres(t, nil)
	as := func(user, password string) Target { return Target{User: user, Password: password, Database: "app"} }
	for _, c := range []talk{
		{name: "SCRAM", port: port, target: as("app", servers.Password), said: "SELECT 1 as app"},
		{name: "the user's own database", port: port, target: Target{User: "app", Password: servers.Password}, said: "SELECT 1 as app"},
		{name: "MD5", port: port, target: as("old", servers.Password), said: "SELECT 1 as old"},
		{name: "clear text", port: port, target: as("clear", servers.Password), said: "SELECT 1 as clear"},
		{name: "trust", port: port, target: as("trusty", ""), said: "SELECT 1 as trusty"},
		{name: "nobody's name is postgres", port: port, target: Target{Password: servers.Password}, said: "SELECT 1 as postgres"},
		{name: "no password known", port: port, target: as("app", ""), said: "asks app for a password"},
		{name: "no password known, MD5", port: port, target: as("old", ""), said: "asks old for a password"},
		{name: "no password known, clear text", port: port, target: as("clear", ""), said: "asks clear for a password"},
		{name: "wrong password", port: port, target: as("app", "guess"), final: true, fault: `log in as app: password authentication failed for user "app" (28P01)`},
		{name: "no such database", port: port, target: Target{User: "app", Password: servers.Password, Database: "none"}, final: true, fault: `database "none" does not exist (3D000)`},
		{name: "TLS to who has none", port: port, target: Target{User: "app", Password: servers.Password, TLS: true}, final: true, fault: "it speaks no TLS at this port"},
		{name: "something else", port: saying(t, "SSH-2.0-OpenSSH_9.9\r\n"), target: as("app", "x"), fault: "log in as app: "},
		{name: "nobody", port: servers.Port(t), target: as("app", "x"), fault: "log in as app: open localhost at 127.0.0.1:"},
	} {
		c.run(t, catalog.Postgres)
	}
}

func TestPostgres_OverTLS(t *testing.T) {
	right := Target{User: "app", Password: servers.Password, Database: "secure"}
	overTLS(t, catalog.Postgres, right, "SELECT 1 as app", func(id *servers.Identity) int {
		port := servers.Postgres(t, id)
		talk{name: "without TLS to who wants it", port: port, target: right, final: true, fault: "no encryption (28000)"}.run(t, catalog.Postgres)
		return port
	})
}

// A server that starts, or has too many guests, is asked again.
func TestPostgresCause_WhatPasses(t *testing.T) {
	for code, final := range map[string]bool{"57P03": false, "57P01": false, "53300": false, "28P01": true, "3D000": true} {
		if err := postgresCause(&pgconn.PgError{Code: code, Message: "the database system is starting up"}); isFinal(err) != final {
			t.Errorf("%s: %v is final: %v", code, err, !final)
		}
	}
}
