package provision

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/buenhyden/hy-home/internal/catalog"
	"github.com/buenhyden/hy-home/internal/engine"
	"github.com/buenhyden/hy-home/internal/exit"
	"github.com/buenhyden/hy-home/internal/pattern"
	"github.com/buenhyden/hy-home/internal/speak"
)

// Settings are what component.yaml may say.
type Settings struct {
	Network  string `yaml:"network"`  // the data tier's Docker network
	Endpoint string `yaml:"endpoint"` // where it is made: the name that a component exposes

	Databases []Database `yaml:"databases"` // postgres
	Roles     []Role     `yaml:"roles"`     // postgres: who owns no database
	Topics    []Topic    `yaml:"topics"`    // kafka
	Buckets   []string   `yaml:"buckets"`   // s3
}

// Database is made with its owner, who logs in with the secret.
type Database struct {
	Name   string `yaml:"name"`
	Owner  string `yaml:"owner"`
	Secret string `yaml:"secret"` // name of one of the component's secrets
}

// Role logs in and has the rights of others.
type Role struct {
	Name     string   `yaml:"name"`
	Secret   string   `yaml:"secret"`
	MemberOf []string `yaml:"member-of"`
}

// Topic is one of Kafka's. What is 0 is left to the broker, which knows how many
// copies its size can keep.
type Topic struct {
	Name        string            `yaml:"name"`
	Partitions  int32             `yaml:"partitions"`
	Replication int16             `yaml:"replication"`
	Config      map[string]string `yaml:"config"`
}

var (
	roleForm   = pattern.New(`^[a-z_][a-z0-9_-]{0,62}$`)
	topicForm  = pattern.New(`^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}$`)
	bucketForm = pattern.New(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
)

// settings are the component's, checked, and the endpoint that they name.
func settings(c catalog.Component, env engine.Env) (Settings, catalog.Endpoint, error) {
	var s Settings
	if err := c.DecodeSettings(&s); err != nil {
		return s, catalog.Endpoint{}, err
	}
	e, err := endpoint(c, s.Endpoint, env)
	if err != nil {
		return s, e, err
	}
	if fault := s.fault(c, e); fault != "" {
		return s, e, exit.BadInputf("component %s: settings: %s", c.Name, fault)
	}
	return s, e, nil
}

// fault is the first mistake, as a sentence.
func (s Settings) fault(c catalog.Component, e catalog.Endpoint) string {
	lists := map[catalog.Protocol]int{catalog.Postgres: len(s.Databases) + len(s.Roles), catalog.Kafka: len(s.Topics), catalog.S3: len(s.Buckets)}
	if lists[e.Protocol] == 0 {
		return fmt.Sprintf("there is nothing to make in %s, which speaks %s", e.Name, e.Protocol)
	}
	for protocol, n := range lists {
		if n > 0 && protocol != e.Protocol {
			return fmt.Sprintf("%s speaks %s, and not %s", e.Name, e.Protocol, protocol)
		}
	}
	switch {
	case e.Protocol == catalog.Postgres && e.Secrets[catalog.Password] == "":
		return fmt.Sprintf("%s has no password in its secrets to make roles with", e.Name)
	case e.Protocol == catalog.S3 && e.Secrets[catalog.AccessKey] == "":
		return fmt.Sprintf("%s has no access-key in its secrets to make buckets with", e.Name)
	}
	seen := map[string]string{} // role: secret
	for _, r := range s.logins() {
		switch {
		case !roleForm.MatchString(r.Name):
			return fmt.Sprintf("role %q must be lower case letters, digits, dashes and underscores", r.Name)
		case !slices.Contains(c.Secrets, r.Secret):
			return fmt.Sprintf("role %s: secret %q is not in the component's secrets", r.Name, r.Secret)
		case seen[r.Name] != "" && seen[r.Name] != r.Secret:
			return fmt.Sprintf("role %s has two secrets, %s and %s", r.Name, seen[r.Name], r.Secret)
		}
		seen[r.Name] = r.Secret
	}
	for _, db := range s.Databases {
		if !roleForm.MatchString(db.Name) {
			return fmt.Sprintf("database %q must be lower case letters, digits, dashes and underscores", db.Name)
		}
	}
	for _, t := range s.Topics {
		if !topicForm.MatchString(t.Name) || t.Partitions < 0 || t.Replication < 0 {
			return fmt.Sprintf("topic %q must be letters, digits, dots, dashes and underscores, with as many partitions and copies as there can be", t.Name)
		}
	}
	for _, name := range s.Buckets {
		if !bucketForm.MatchString(name) {
			return fmt.Sprintf("bucket %q must be 3 to 63 lower case letters, digits and dashes", name)
		}
	}
	return ""
}

// logins are all roles, those that own databases first.
func (s Settings) logins() []Role {
	var all []Role
	for _, db := range s.Databases {
		all = append(all, Role{Name: db.Owner, Secret: db.Secret})
	}
	return append(all, s.Roles...)
}

// apply makes it all in the service.
func (s Settings) apply(ctx context.Context, service speak.Service, secrets map[string]string) (speak.Made, error) {
	switch service.Target.Protocol {
	case catalog.Postgres:
		return speak.MakeDatabases(ctx, service, s.roles(secrets), s.databases())
	case catalog.Kafka:
		return speak.MakeTopics(ctx, service, s.topics())
	}
	return speak.MakeBuckets(ctx, service, s.Buckets)
}

// look says what of it is not in the service as wanted.
func (s Settings) look(ctx context.Context, service speak.Service, secrets map[string]string) ([]string, error) {
	switch service.Target.Protocol {
	case catalog.Postgres:
		return speak.LookForDatabases(ctx, service, s.roles(secrets), s.databases())
	case catalog.Kafka:
		return speak.LookForTopics(ctx, service, s.topics())
	}
	return speak.LookForBuckets(ctx, service, s.Buckets)
}

// roles are those that log in, each once: one may own several databases and have
// rights besides.
func (s Settings) roles(secrets map[string]string) []speak.Role {
	var roles []speak.Role
	for _, r := range s.logins() {
		i := slices.IndexFunc(roles, func(other speak.Role) bool { return other.Name == r.Name })
		if i < 0 {
			roles = append(roles, speak.Role{Name: r.Name, Password: secrets[r.Secret], MemberOf: r.MemberOf})
		} else {
			roles[i].MemberOf = append(roles[i].MemberOf, r.MemberOf...)
		}
	}
	return roles
}

func (s Settings) databases() []speak.Database {
	var databases []speak.Database
	for _, db := range s.Databases {
		databases = append(databases, speak.Database{Name: db.Name, Owner: db.Owner})
	}
	return databases
}

func (s Settings) topics() []speak.Topic {
	var topics []speak.Topic
	for _, t := range s.Topics {
		topics = append(topics, speak.Topic(t))
	}
	return topics
}

// String is what is made, for people: "databases airflow, n8n; roles exporter".
func (s Settings) String() string {
	var parts []string
	list := func(what string, names []string) {
		if len(names) > 0 {
			parts = append(parts, what+" "+strings.Join(names, ", "))
		}
	}
	names := func(n int, name func(int) string) []string {
		var all []string
		for i := range n {
			all = append(all, name(i))
		}
		slices.SortFunc(all, cmp.Compare[string])
		return all
	}
	list("databases", names(len(s.Databases), func(i int) string { return s.Databases[i].Name }))
	list("roles", names(len(s.Roles), func(i int) string { return s.Roles[i].Name }))
	list("topics", names(len(s.Topics), func(i int) string { return s.Topics[i].Name }))
	list("buckets", s.Buckets)
	return strings.Join(parts, "; ")
}
