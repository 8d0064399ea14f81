package gittest

import (
	"net"
	"sync/atomic"
)

// Meter is a listener that counts what crosses its connections: all of it, as the network
// would see it, headers and compression included.
type Meter struct {
	net.Listener
	Bytes, Connections *atomic.Int64
}

// Accept implements [net.Listener].
func (m *Meter) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	m.Connections.Add(1)
	return &metered{c, m.Bytes}, nil
}

type metered struct {
	net.Conn
	bytes *atomic.Int64
}

func (c *metered) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *metered) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}
