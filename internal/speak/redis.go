package speak

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// speakRedis writes a value and reads it back. A node of a cluster that does not
// hold the key names the one that does; that name has to be resolved and opened
// too, as it is what clients are told.
func speakRedis(ctx context.Context, d *dialer) (string, error) {
	by := d.target.Name
	r := forRedis(d, by, d.target.Port)
	defer r.Close()
	if err := r.Ping(ctx).Err(); err != nil {
		return "", redisCause(err)
	}
	if d.target.Clustered {
		info, err := r.ClusterInfo(ctx).Result()
		if err != nil {
			return "", fmt.Errorf("CLUSTER INFO: %w", redisCause(err))
		}
		if err := whole(info, append([]string{"cluster_state:ok"}, d.target.Expect...)); err != nil {
			return "", err
		}
	}
	key, value := "hyaction:proof:"+rand.Text(), rand.Text()
	err := write(ctx, r, key, value)
	if to, moved := redis.IsMovedError(err); moved && d.target.Clustered {
		if strings.HasPrefix(to, ":") { // no name means: the one that was asked, at another port
			to = by + to
		}
		host, port, err := split(to)
		if err != nil {
			return "", err
		}
		by = host
		r = forRedis(d, host, port)
		defer r.Close()
		if err := r.Ping(ctx).Err(); err != nil {
			return "", fmt.Errorf("it sends its clients on to %s: %w", to, redisCause(err))
		}
		if err := write(ctx, r, key, value); err != nil {
			return "", fmt.Errorf("%s, where it sends its clients: %w", host, redisCause(err))
		}
	} else if err != nil {
		return "", redisCause(err)
	}
	got, err := r.Get(ctx, key).Result()
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		return "", fmt.Errorf("GET: %w", redisCause(err))
	case got != value:
		return "", refuse("what was written is not what is read")
	}
	_ = r.Del(ctx, key).Err() // else it goes by itself
	return "SET and GET by " + by, nil
}

// whole compares the fields of CLUSTER INFO with those that are wanted. What is not
// so yet heals by itself.
func whole(info string, want []string) error {
	fields := strings.Fields(info)
	for _, w := range want {
		name, _, _ := strings.Cut(w, ":")
		is := func(field string) bool { return strings.HasPrefix(field, name+":") }
		switch i := slices.IndexFunc(fields, is); {
		case i < 0:
			return passing("the cluster is not whole: it does not say %s", w)
		case fields[i] != w:
			return passing("the cluster is not whole: %s, want %s", printable(fields[i]), w)
		}
	}
	return nil
}

func write(ctx context.Context, r *redis.Client, key, value string) error {
	return r.Set(ctx, key, value, oneTry).Err()
}

// forRedis is a client that tries nothing twice: who asks again is decided here.
func forRedis(d *dialer, host string, port int) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: hostPort(host, port), Dialer: d.dialTo,
		Username: d.target.User, Password: d.target.Password,
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		MaxRetries: -1, DialerRetries: 1, PoolSize: 1, ContextTimeoutEnabled: true, DialTimeout: oneTry,
	})
}

// quiet keeps the library from printing: what it knows comes back as an error.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(quiet{}) }

// redisPasses are the errors of a server or cluster that is on its way.
var redisPasses = []string{"CLUSTERDOWN", "LOADING", "MASTERDOWN", "TRYAGAIN", "MOVED", "ASK"}

// redisCause makes every error that a server answers a refusal, but for those that
// pass: a wrong password stays wrong.
func redisCause(err error) error {
	var said redis.Error
	if !errors.As(err, &said) {
		if text := err.Error(); strings.HasPrefix(text, "redis: can't parse") || strings.HasPrefix(text, "redis: invalid reply") {
			return stranger("this is not Redis: %s", printable(text))
		}
		return cause(err)
	}
	for _, word := range redisPasses {
		if strings.HasPrefix(said.Error(), word+" ") {
			return passing("%s", printable(said.Error()))
		}
	}
	return refuse("%s", printable(said.Error()))
}
