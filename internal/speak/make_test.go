package speak

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/testbed/servers"
)

// making is what is made twice and more in one service.
type making struct {
	service Service
	run     func(Service) (Made, error)
}

func (m making) want(t *testing.T, what string, want Made) {
	t.Helper()
	if got, err := m.run(m.service); err != nil || got != want {
		t.Errorf("%s: got %+v, %v; want %+v", what, got, err, want)
	}
}

func (m making) refused(t *testing.T, what, fault string) {
	t.Helper()
	foreign := m.service
	foreign.Foreign = true
	if got, err := m.run(foreign); err == nil || !strings.Contains(err.Error(), fault) || Passes(err) || got.Changed+got.New > 0 {
		t.Errorf("%s: got %+v, %v; want a refusal with %q", what, got, err, fault)
	}
}

func TestMakeDatabases(t *testing.T) {
	target := Target{Name: "localhost", Port: servers.Postgres(t, nil), User: "postgres", Password: servers.Password, Protocol: catalog.Postgres}
	roles := []Role{{Name: "airflow", Password: "a-password"}, {Name: "exporter", Password: "another", MemberOf: []string{"pg_monitor"}}}
	databases := []Database{{"airflow", "airflow"}, {"air flow", "airflow"}}
	m := making{Service{Target: target}, func(s Service) (Made, error) { return MakeDatabases(t.Context(), s, roles, databases) }}
	look := func(what string, want ...string) {
		t.Helper()
		if got, err := LookForDatabases(t.Context(), m.service, roles, databases); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: it is told %q, %v; want %q", what, got, err, want)
		}
	}
	look("before", "role airflow is missing", "role exporter is missing", "database airflow is missing", "database air flow is missing")
	m.want(t, "the first time", Made{New: 4})
	m.want(t, "again", Made{Kept: 4})
	look("after")

	by := func(sql string) {
		t.Helper()
		d, err := m.service.dialer()
		if err != nil {
			t.Fatal(err)
		}
		c, err := databaseMaker{Service: m.service, d: d}.login(t.Context(), "", "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		if err := do(t.Context(), c, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	by(`ALTER ROLE airflow PASSWORD 'another'`)
	look("a password that was changed", "role airflow has another password")
	m.refused(t, "another's role", "role airflow: it is there, and its password is another one")
	m.want(t, "a password that was changed", Made{Changed: 1, Kept: 3})
	by(`ALTER ROLE airflow NOLOGIN`)
	m.want(t, "a role that may not log in", Made{Changed: 1, Kept: 3})
	by(`ALTER DATABASE "air flow" OWNER TO app`)
	look("an owner that was changed", "database air flow belongs to app")
	m.refused(t, "another's database", "database air flow: it is there, and belongs to app, not to airflow")
	m.want(t, "an owner that was changed", Made{Changed: 1, Kept: 3})
	by(`REVOKE pg_monitor FROM exporter`)
	m.want(t, "rights that were taken away", Made{Changed: 1, Kept: 3})

	// What is left must still be of use: verified, not only listed.
	by(`REVOKE CONNECT ON DATABASE airflow FROM PUBLIC, airflow`)
	if _, err := m.run(m.service); err == nil || !strings.Contains(err.Error(), "as role airflow: database airflow: log in as airflow: permission denied") {
		t.Errorf("a database that its owner cannot open: %v", err)
	}
}

// The administrator of a managed service is no superuser.
func TestMakeDatabases_BySomebodyWhoIsNoSuperuser(t *testing.T) {
	target := Target{Name: "localhost", Port: servers.Postgres(t, nil), User: "postgres", Password: servers.Password}
	s := Service{Target: target}
	d, err := s.dialer()
	if err != nil {
		t.Fatal(err)
	}
	c, err := databaseMaker{Service: s, d: d}.login(t.Context(), "", "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := do(t.Context(), c, `CREATE ROLE manager LOGIN CREATEROLE CREATEDB PASSWORD 'm'`); err != nil {
		t.Fatal(err)
	}
	s.Target.User, s.Target.Password, s.Target.Database, s.Foreign = "manager", "m", "app", true
	m := making{s, func(s Service) (Made, error) {
		return MakeDatabases(t.Context(), s, []Role{{Name: "n8n", Password: "n"}}, []Database{{"n8n", "n8n"}})
	}}
	m.want(t, "the first time", Made{New: 2})
	m.want(t, "again", Made{Kept: 2})
}

func TestMakeDatabases_Refusals(t *testing.T) {
	target := Target{Name: "localhost", Port: servers.Postgres(t, nil), User: "postgres", Password: servers.Password}
	for _, tt := range []struct {
		name, fault string
		target      Target
		role        Role
	}{
		{"a wrong password", "log in as postgres: password authentication failed", Target{Name: "localhost", Port: target.Port, User: "postgres", Password: "guess"}, Role{}},
		{"a password that is not ASCII", "role x: a password may have printable ASCII characters only", target, Role{Name: "x", Password: "pä"}},
		{"rights that are not there", `role x: role "nothing" does not exist`, target, Role{Name: "x", Password: "p", MemberOf: []string{"nothing"}}},
	} {
		if _, err := MakeDatabases(t.Context(), Service{Target: tt.target}, []Role{tt.role}, nil); err == nil || !strings.Contains(err.Error(), tt.fault) || Passes(err) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	_, err := MakeDatabases(t.Context(), Service{Target: Target{Name: "localhost", Port: servers.Port(t), User: "postgres"}}, nil, nil)
	if !Passes(err) {
		t.Errorf("nobody is there yet: %v", err)
	}
}

// The example of RFC 7677: what a server keeps follows from the password.
func TestVerifier(t *testing.T) {
	salt := []byte("\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81")
	got, err := verifierOf("pencil", salt)
	want := "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestMakeBuckets(t *testing.T) {
	target := Target{Name: "localhost", Port: servers.S3(t, nil), AccessKey: servers.AccessKey, SecretKey: servers.SecretKey}
	m := making{Service{Target: target}, func(s Service) (Made, error) {
		return MakeBuckets(t.Context(), s, []string{servers.Bucket, "tempo-traces"})
	}}
	look := func(want ...string) {
		t.Helper()
		if got, err := LookForBuckets(t.Context(), m.service, []string{servers.Bucket, "tempo-traces"}); err != nil || !slices.Equal(got, want) {
			t.Errorf("it is told %q, %v; want %q", got, err, want)
		}
	}
	look("bucket tempo-traces is missing")
	m.want(t, "the first time", Made{New: 1, Kept: 1})
	m.want(t, "again", Made{Kept: 2})
	look()
	target.SecretKey = "guess"
	if _, err := MakeBuckets(t.Context(), Service{Target: target}, []string{"x-x"}); err == nil || Passes(err) {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestMakeTopics(t *testing.T) {
	c := cluster(t, kfake.SeedTopics(1, "old"))
	target := Target{Name: "localhost", Port: portOf(t, c)}
	topics := []Topic{{Name: "orders", Partitions: 3, Replication: 1, Config: map[string]string{"retention.ms": "60000"}}, {Name: "old"}}
	m := making{Service{Target: target}, func(s Service) (Made, error) { return MakeTopics(t.Context(), s, topics) }}
	look := func(want ...string) {
		t.Helper()
		if got, err := LookForTopics(t.Context(), m.service, topics); err != nil || !slices.Equal(got, want) {
			t.Errorf("it is told %q, %v; want %q", got, err, want)
		}
	}
	look("topic orders is missing")
	m.want(t, "the first time", Made{New: 1, Kept: 1})
	m.want(t, "again", Made{Kept: 2})
	look()

	topics[1].Partitions = 2
	m.refused(t, "another's topic", "topic old: it is there with 1 partitions, fewer than 2")
	m.want(t, "more partitions", Made{Changed: 1, Kept: 1})
	topics[0].Config["retention.ms"] = "90000"
	m.refused(t, "another's setting", `topic orders: it is there with another retention.ms than "90000"`)
	m.want(t, "another setting", Made{Changed: 1, Kept: 1})
	m.want(t, "and again", Made{Kept: 2})

	// What was made takes records and gives them.
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if got := client.PollFetches(t.Context()).Records(); len(got) != 1 || string(got[0].Value) != "one" {
		t.Errorf("got %d records, of which none was written by MakeTopics", len(got))
	}
	_, err = MakeTopics(t.Context(), Service{Target: Target{Name: "localhost", Port: servers.Port(t)}}, topics)
	if !Passes(err) {
		t.Errorf("nobody is there yet: %v", err)
	}
	_, err = MakeTopics(t.Context(), m.service, []Topic{{Name: "wide", Replication: 7}})
	if err == nil || Passes(err) || !strings.Contains(err.Error(), "topic wide: INVALID_REPLICATION_FACTOR") {
		t.Errorf("more copies than brokers: %v", err)
	}
}
