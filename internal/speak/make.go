package speak

import (
	"context"
	"net/netip"
)

// Service is an endpoint in which something is made: databases, topics, buckets.
// Whoever makes it verifies it by using it, so that what was there before is
// worth as much as what is new.
type Service struct {
	Target Target
	Hosts  map[string]netip.Addr // names that are not looked up, see [Once]
	// Foreign says that others run it and may have made what is there: that is
	// used as it is, or refused, and never changed.
	Foreign bool
}

// Made counts what making something came to.
type Made struct {
	New     int // was not there
	Changed int // was there, and not as wanted
	Kept    int // was there as wanted
}

// Passes reports that what failed with this error may succeed when it is tried
// again.
func Passes(err error) bool { return err != nil && !isFinal(err) }

func (s Service) dialer() (*dialer, error) {
	d := &dialer{target: s.Target, hosts: s.Hosts}
	if s.Target.TLS {
		return d, d.trust()
	}
	return d, nil
}

// change is asked before something that is there is changed.
func (s Service) change(format string, args ...any) error {
	if s.Foreign {
		return refuse(format, args...)
	}
	return nil
}

// step bounds one request: a server that does not answer must not use up all the
// time that there is.
func step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 3*oneTry)
}
