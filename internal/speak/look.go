package speak

import (
	"context"
	"fmt"
)

// LookForDatabases says in a few words each what of the roles and databases is not
// there, or not as [MakeDatabases] leaves it. Nothing is changed.
func LookForDatabases(ctx context.Context, s Service, roles []Role, databases []Database) ([]string, error) {
	d, err := s.dialer()
	if err != nil {
		return nil, err
	}
	m := databaseMaker{Service: s, d: d}
	if m.admin, err = m.login(ctx, "", "", ""); err != nil {
		return nil, err
	}
	defer m.admin.Close(ctx)
	var faults []string
	for _, r := range roles {
		there, err := ask(ctx, m.admin, "SELECT 1 FROM pg_roles WHERE rolname = $1", r.Name)
		if err != nil {
			return nil, err
		}
		if there == "" {
			faults = append(faults, "role "+r.Name+" is missing")
			continue
		}
		c, err := m.login(ctx, r.Name, r.Password, "")
		switch {
		case err == nil:
			_ = c.Close(ctx)
		case denied(err):
			faults = append(faults, "role "+r.Name+" has another password")
		default:
			return nil, err
		}
	}
	for _, db := range databases {
		owner, err := ask(ctx, m.admin, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", db.Name)
		switch {
		case err != nil:
			return nil, err
		case owner == "":
			faults = append(faults, "database "+db.Name+" is missing")
		case owner != db.Owner:
			faults = append(faults, fmt.Sprintf("database %s belongs to %s", db.Name, printable(owner)))
		}
	}
	return faults, nil
}

// LookForTopics says which topics are not there, or have a partition without a
// leader.
func LookForTopics(ctx context.Context, s Service, topics []Topic) ([]string, error) {
	d, err := s.dialer()
	if err != nil {
		return nil, err
	}
	client, err := forKafka(d, hostPort(s.Target.Name, s.Target.Port))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	m := topicMaker{Service: s, client: client}
	var faults []string
	for _, t := range topics {
		there, err := m.look(ctx, t.Name)
		if err != nil {
			return nil, err
		}
		if there == nil {
			faults = append(faults, "topic "+t.Name+" is missing")
			continue
		}
		for _, p := range there.Partitions {
			if p.Leader < 0 {
				faults = append(faults, fmt.Sprintf("topic %s: partition %d has no leader", t.Name, p.Partition))
			}
		}
	}
	return faults, nil
}

// LookForBuckets says which buckets are not there.
func LookForBuckets(ctx context.Context, s Service, names []string) ([]string, error) {
	d, err := s.dialer()
	if err != nil {
		return nil, err
	}
	client, err := forS3(d)
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, name := range names {
		there, err := bucketThere(ctx, client, name)
		if err != nil {
			return nil, fmt.Errorf("bucket %s: %w", name, err)
		}
		if !there {
			faults = append(faults, "bucket "+name+" is missing")
		}
	}
	return faults, nil
}
