package speak

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// invalidPassword is PostgreSQL's code for a password that is wrong or missing.
const invalidPassword = "28P01"

// speakPostgres logs in and asks for 1. Without a password for it, being asked
// for one is enough: somebody is there who speaks PostgreSQL.
func speakPostgres(ctx context.Context, d *dialer) (string, error) {
	config, err := forPostgres(d)
	if err != nil {
		return "", err
	}
	user := config.User
	c, err := pgconn.ConnectConfig(ctx, config)
	var said *pgconn.PgError
	switch {
	case d.target.Password == "" && errors.As(err, &said) && said.Code == invalidPassword:
		return "asks " + user + " for a password", nil
	case err != nil:
		return "", fmt.Errorf("log in as %s: %w", user, postgresCause(err))
	}
	defer c.Close(ctx)
	results, err := c.Exec(ctx, "SELECT 1").ReadAll()
	switch {
	case err != nil:
		return "", fmt.Errorf("SELECT 1: %w", postgresCause(err))
	case len(results) != 1 || len(results[0].Rows) != 1 || string(results[0].Rows[0][0]) != "1":
		return "", refuse("SELECT 1 was not answered by 1")
	}
	return "SELECT 1 as " + user, nil
}

// forPostgres leaves nothing to the environment, from which the library would take
// what is not given: only this target's credentials go to this target.
func forPostgres(d *dialer) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig("host=unset port=1 user=unset password=unset dbname=unset sslmode=disable application_name=hyaction")
	if err != nil {
		return nil, refuse("settings of PostgreSQL: %v", err)
	}
	t := d.target
	config.Host, config.Port, config.User, config.Password, config.Database = t.Name, uint16(t.Port), t.User, t.Password, t.Database
	if config.User == "" {
		config.User = "postgres"
	}
	if config.Database == "" {
		config.Database = config.User
	}
	if t.TLS {
		config.TLSConfig = d.tls(t.Name)
	}
	config.Fallbacks, config.RuntimeParams = nil, map[string]string{"application_name": "hyaction"}
	config.MaxProtocolMessageBodyLen = maxText
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) {
		host, port, err := split(address)
		if err != nil {
			return nil, err
		}
		return d.open(ctx, host, port) // it asks for TLS itself, in the protocol's own way
	}
	return config, nil
}

// postgresCause reads the server's own error; one of class 57 (shutting down,
// starting up) or 53 (too many connections) passes.
func postgresCause(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		text := printable(said.Message) + " (" + printable(said.Code) + ")"
		if strings.HasPrefix(said.Code, "57") || strings.HasPrefix(said.Code, "53") {
			return passing("%s", text)
		}
		return refuse("%s", text)
	}
	var connect *pgconn.ConnectError
	why := cause(err)
	if errors.As(why, &connect) { // nothing that is known here stands behind it
		text := printable(connect.Unwrap().Error())
		if strings.Contains(text, "server refused TLS connection") {
			return refuse("it speaks no TLS at this port")
		}
		return passing("%s", text)
	}
	return why
}
