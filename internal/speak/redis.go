package speak

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// speakRedis writes a value and reads it back. A node of a cluster that does not
// hold the key names the one that does; that name has to be resolved and opened
// too, as it is what clients are told.
func speakRedis(ctx context.Context, c *conn, t Target) (string, error) {
	r, err := logIn(c, t)
	if err != nil {
		return "", err
	}
	if t.Clustered {
		info, err := r.ask("CLUSTER", "INFO")
		if err != nil {
			return "", err
		}
		if !strings.Contains(info, "cluster_state:ok") {
			return "", fmt.Errorf("the cluster is not whole: %s", printable(info)) // it heals by itself
		}
	}
	key, value := "hyaction:proof:"+rand.Text(), rand.Text()
	by := t.Name
	_, err = r.ask("SET", key, value, "EX", "60")
	if host, port, moved := movedTo(err); moved && t.Clustered {
		if host != "" { // none means: the one that was asked, at another port
			by = host
		}
		there, err := open(ctx, by, port)
		if err != nil {
			return "", fmt.Errorf("it sends its clients on: %w", err)
		}
		defer there.Close()
		if r, err = logIn(there, t); err != nil {
			return "", fmt.Errorf("%s, where it sends its clients: %w", by, err)
		}
		if _, err := r.ask("SET", key, value, "EX", "60"); err != nil {
			return "", fmt.Errorf("%s, where it sends its clients: %w", by, err)
		}
	} else if err != nil {
		return "", err
	}
	got, err := r.ask("GET", key)
	if err != nil {
		return "", err
	}
	if got != value {
		return "", refuse("what was written is not what is read")
	}
	_, _ = r.ask("DEL", key) // else it goes by itself
	return "SET and GET by " + by, nil
}

func logIn(c *conn, t Target) (*redis, error) {
	r := &redis{c, bufio.NewReader(c)}
	switch {
	case t.Password == "":
	case t.User == "":
		if _, err := r.ask("AUTH", t.Password); err != nil {
			return nil, err
		}
	default:
		if _, err := r.ask("AUTH", t.User, t.Password); err != nil {
			return nil, err
		}
	}
	pong, err := r.ask("PING")
	if err == nil && pong != "PONG" {
		err = refuse("PING is answered by %q", printable(pong))
	}
	return r, err
}

// movedTo reads "MOVED 3999 redis-node-2:6379".
func movedTo(err error) (host string, port int, ok bool) {
	var said *redisError
	if !errors.As(err, &said) {
		return "", 0, false
	}
	words := strings.Fields(said.text)
	if len(words) != 3 || words[0] != "MOVED" {
		return "", 0, false
	}
	colon := strings.LastIndexByte(words[2], ':')
	if colon < 0 {
		return "", 0, false
	}
	port, err = strconv.Atoi(words[2][colon+1:])
	return words[2][:colon], port, err == nil && port > 0 && port < 65536
}

// redis is one connection that speaks RESP2.
type redis struct {
	to   io.Writer
	from *bufio.Reader
}

// redisError is an error that the server answered.
type redisError struct{ command, text string }

func (e *redisError) Error() string { return e.command + ": " + printable(e.text) }

// passing are the errors of a cluster that is on its way.
var passing = []string{"CLUSTERDOWN", "LOADING", "MASTERDOWN", "TRYAGAIN", "MOVED", "ASK"}

// Unwrap makes every other error a refusal: a wrong password stays wrong.
func (e *redisError) Unwrap() error {
	for _, word := range passing {
		if strings.HasPrefix(e.text, word+" ") {
			return nil
		}
	}
	return &refusal{e.Error()}
}

// ask sends a command and returns its answer, which has to be one text.
func (r *redis) ask(words ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(r.to, b.String()); err != nil {
		return "", fmt.Errorf("%s: %w", words[0], cause(err))
	}
	text, isError, err := readRESP(r.from)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", words[0], cause(err))
	case isError:
		return "", &redisError{words[0], text}
	}
	return text, nil
}

// readRESP reads a simple string, an error, a number or a bulk string; a missing
// value is "".
func readRESP(r *bufio.Reader) (text string, isError bool, err error) {
	line, err := readLine(r)
	if err != nil {
		return "", false, err
	}
	switch line[0] {
	case '+', ':':
		return line[1:], false, nil
	case '-':
		return line[1:], true, nil
	case '$':
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < -1 || n > maxText {
			return "", false, refuse("this is not Redis: a text of %s bytes", printable(line[1:]))
		}
		if n == -1 {
			return "", false, nil
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return "", false, err
		}
		if string(b[n:]) != "\r\n" {
			return "", false, refuse("this is not Redis: a text goes on after its end")
		}
		return string(b[:n]), false, nil
	}
	return "", false, refuse("this is not Redis: %s", printable(line))
}

// readLine reads up to "\r\n"; a server that never ends its line is none.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", refuse("this is not Redis: a line without end")
	}
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || text == "" {
		return "", refuse("this is not Redis: %q", printable(string(line)))
	}
	return text, nil
}
