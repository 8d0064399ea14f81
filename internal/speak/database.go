package speak

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Role is who logs in to PostgreSQL.
type Role struct {
	Name     string
	Password string
	MemberOf []string // roles whose rights it has: "pg_monitor"
}

// Database belongs to one of the roles, who may make tables in it.
type Database struct{ Name, Owner string }

// MakeDatabases makes roles and databases that are not there, as the target's user.
// Then each role logs in with its password, and each owner makes a table in its
// database and takes it back.
func MakeDatabases(ctx context.Context, s Service, roles []Role, databases []Database) (Made, error) {
	var made Made
	d, err := s.dialer()
	if err != nil {
		return made, err
	}
	m := databaseMaker{Service: s, d: d, made: &made}
	if m.admin, err = m.login(ctx, "", "", ""); err != nil {
		return made, err
	}
	defer m.admin.Close(ctx)
	for _, r := range roles {
		if err := m.role(ctx, r); err != nil {
			return made, fmt.Errorf("role %s: %w", r.Name, err)
		}
	}
	for _, db := range databases {
		if err := m.database(ctx, db); err != nil {
			return made, fmt.Errorf("database %s: %w", db.Name, err)
		}
	}
	for _, r := range roles {
		if err := m.prove(ctx, r, databases); err != nil {
			return made, fmt.Errorf("as role %s: %w", r.Name, err)
		}
	}
	return made, nil
}

type databaseMaker struct {
	Service
	d     *dialer
	admin *pgconn.PgConn
	made  *Made
}

// login connects as a user, "" for the target's, to a database, "" for the
// target's.
func (m databaseMaker) login(ctx context.Context, user, password, database string) (*pgconn.PgConn, error) {
	config, err := forPostgres(m.d)
	if err != nil {
		return nil, err
	}
	if user != "" {
		config.User, config.Password = user, password
	}
	if database != "" {
		config.Database = database
	}
	ctx, cancel := step(ctx)
	defer cancel()
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err == nil {
			_ = c.SetDeadline(time.Time{}) // it is used for longer than it may take to open it
		}
		return c, err
	}
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("log in as %s: %w", config.User, postgresCause(err))
	}
	return c, nil
}

func (m databaseMaker) role(ctx context.Context, r Role) error {
	there, err := ask(ctx, m.admin, "SELECT 1 FROM pg_roles WHERE rolname = $1", r.Name)
	if err != nil {
		return err
	}
	did := &m.made.Kept
	if there == "" {
		if err := m.password(ctx, "CREATE", r); err != nil {
			return err
		}
		did = &m.made.New
	} else if c, err := m.login(ctx, r.Name, r.Password, ""); err == nil {
		_ = c.Close(ctx)
	} else if denied(err) {
		if err := m.change("it is there, and its password is another one: give it in data-secrets"); err != nil {
			return err
		}
		if err := m.password(ctx, "ALTER", r); err != nil {
			return err
		}
		did = &m.made.Changed
	} else {
		return err
	}
	for _, group := range r.MemberOf {
		member, err := ask(ctx, m.admin, "SELECT pg_has_role($1, $2, 'MEMBER')", r.Name, group)
		if err != nil {
			return err
		}
		if member == "t" {
			continue
		}
		if err := do(ctx, m.admin, "GRANT "+quoted(group)+" TO "+quoted(r.Name)); err != nil {
			return err
		}
		if did == &m.made.Kept {
			did = &m.made.Changed
		}
	}
	*did++
	return nil
}

// denied reports that a login was refused for the password, or for a role that may
// not log in at all.
func denied(err error) bool {
	text := err.Error()
	return strings.Contains(text, "("+invalidPassword+")") || strings.Contains(text, "is not permitted to log in")
}

// password creates or alters a role. What the server gets is not the password.
func (m databaseMaker) password(ctx context.Context, verb string, r Role) error {
	v, err := verifier(r.Password)
	if err != nil {
		return err
	}
	return do(ctx, m.admin, verb+" ROLE "+quoted(r.Name)+" LOGIN PASSWORD '"+v+"'")
}

func (m databaseMaker) database(ctx context.Context, db Database) error {
	owner, err := ask(ctx, m.admin, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", db.Name)
	switch {
	case err != nil:
		return err
	case owner == db.Owner:
		m.made.Kept++
		return nil
	case owner != "":
		if err := m.change("it is there, and belongs to %s, not to %s", printable(owner), db.Owner); err != nil {
			return err
		}
	}
	// Who is no superuser gives away only to roles that it belongs to.
	super, err := ask(ctx, m.admin, "SELECT rolsuper OR pg_has_role(current_user, $1, 'MEMBER') FROM pg_roles WHERE rolname = current_user", db.Owner)
	if err != nil {
		return err
	}
	if super != "t" {
		if err := do(ctx, m.admin, "GRANT "+quoted(db.Owner)+" TO CURRENT_USER"); err != nil {
			return err
		}
	}
	if owner != "" {
		m.made.Changed++
		return do(ctx, m.admin, "ALTER DATABASE "+quoted(db.Name)+" OWNER TO "+quoted(db.Owner))
	}
	m.made.New++
	return do(ctx, m.admin, "CREATE DATABASE "+quoted(db.Name)+" OWNER "+quoted(db.Owner))
}

// prove logs in as a role to each of its databases, or to the target's if it has
// none, and does there what its owner must be able to.
func (m databaseMaker) prove(ctx context.Context, r Role, databases []Database) error {
	proven := false
	for _, db := range databases {
		if db.Owner != r.Name {
			continue
		}
		proven = true
		if err := m.use(ctx, r, db.Name, `BEGIN; CREATE TABLE "hyaction proof" (n int); INSERT INTO "hyaction proof" VALUES (1); SELECT n FROM "hyaction proof"; ROLLBACK`); err != nil {
			return fmt.Errorf("database %s: %w", db.Name, err)
		}
	}
	if proven {
		return nil
	}
	return m.use(ctx, r, "", "SELECT 1")
}

func (m databaseMaker) use(ctx context.Context, r Role, database, sql string) error {
	c, err := m.login(ctx, r.Name, r.Password, database)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	return do(ctx, c, sql)
}

// do runs statements that answer nothing of interest.
func do(ctx context.Context, c *pgconn.PgConn, sql string) error {
	ctx, cancel := step(ctx)
	defer cancel()
	if _, err := c.Exec(ctx, sql).ReadAll(); err != nil {
		return postgresCause(err)
	}
	return nil
}

// ask is the one value that a query answers, as text; "" for none.
func ask(ctx context.Context, c *pgconn.PgConn, sql string, args ...string) (string, error) {
	ctx, cancel := step(ctx)
	defer cancel()
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	r := c.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	switch {
	case r.Err != nil:
		return "", postgresCause(r.Err)
	case len(r.Rows) == 0:
		return "", nil
	case len(r.Rows) > 1 || len(r.Rows[0]) != 1:
		return "", errors.New("a query for one value was answered by more")
	}
	return string(r.Rows[0][0]), nil
}

// quoted is a name as SQL takes it whatever is in it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
