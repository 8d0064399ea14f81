package testkit

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// DNS has a server that answers every question with code stand in for the machine's
// own until the test ends. Names in /etc/hosts stay known.
func DNS(t *testing.T, code dnsmessage.RCode) {
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answerDNS(server, code)
		return client, nil
	}}
}

// answerDNS speaks DNS as over TCP, where the length is before each message.
func answerDNS(c net.Conn, code dnsmessage.RCode) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		text := make([]byte, binary.BigEndian.Uint16(length[:]))
		var m dnsmessage.Message
		if _, err := io.ReadFull(c, text); err != nil || m.Unpack(text) != nil {
			return
		}
		m.Response, m.RecursionAvailable, m.RCode, m.Additionals = true, true, code, nil
		out, err := m.AppendPack(make([]byte, 2))
		if err != nil {
			return
		}
		binary.BigEndian.PutUint16(out, uint16(len(out)-2))
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}
