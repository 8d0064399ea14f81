package speak

import (
	"context"
	"errors"
	"net"
	"time"
)

// closedAtOnce is how soon a connection that nobody serves is closed again, as by
// a port that is published for a container in which nothing listens.
const closedAtOnce = 200 * time.Millisecond

func speakTCP(ctx context.Context, d *dialer) (string, error) {
	c, err := d.dial(ctx, d.target.Name, d.target.Port)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(closedAtOnce))
	var one [1]byte
	_, err = c.Read(one[:])
	var timeout net.Error
	if err != nil && (!errors.As(err, &timeout) || !timeout.Timeout()) {
		return "", passing("the connection was closed at once: %v", cause(err))
	}
	return "open", nil
}
