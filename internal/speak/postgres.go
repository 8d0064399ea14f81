package speak

import (
	"bufio"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Messages and authentication methods of PostgreSQL's protocol 3.0:
// https://www.postgresql.org/docs/current/protocol-message-formats.html
const (
	pgProtocol = 3 << 16

	pgAuthOK        = 0
	pgAuthCleartext = 3
	pgAuthMD5       = 5
	pgAuthSASL      = 10
	pgSASLContinue  = 11
	pgSASLFinal     = 12
)

// postgres is one connection on its way through the start of a session.
type postgres struct {
	to    io.Writer
	from  *bufio.Reader
	t     Target
	scram *scram
}

// speakPostgres logs in and asks for 1. Without a password for it, being asked
// for one is enough: somebody is there who speaks PostgreSQL.
func speakPostgres(c *conn, t Target) (string, error) {
	if t.User == "" {
		t.User = "postgres"
	}
	p := &postgres{to: c, from: bufio.NewReader(c), t: t}
	body := binary.BigEndian.AppendUint32(nil, pgProtocol)
	database := t.Database
	if database == "" {
		database = t.User
	}
	for _, s := range []string{"user", t.User, "database", database, "application_name", "hyaction", ""} {
		body = append(append(body, s...), 0)
	}
	if err := p.send(0, body); err != nil {
		return "", err
	}
	asked, err := p.start()
	if err != nil || asked != "" {
		return asked, err
	}
	if err := p.send('Q', append([]byte("SELECT 1"), 0)); err != nil {
		return "", err
	}
	if err := p.one(); err != nil {
		return "", err
	}
	_ = p.send('X', nil)
	return "SELECT 1 as " + t.User, nil
}

// start goes through the log-in until the server is ready for a query. It
// returns what was asked for if that is not known.
func (p *postgres) start() (asked string, err error) {
	for {
		kind, body, err := p.receive()
		if err != nil {
			return "", err
		}
		switch kind {
		case 'R':
			asked, err := p.authenticate(body)
			if err != nil || asked != "" {
				return asked, err
			}
		case 'E':
			return "", pgError(body)
		case 'Z':
			return "", nil
		case 'S', 'K', 'N', 'v': // parameters, the key to cancel with, notices, the version
		default:
			return "", refuse("this is not PostgreSQL: message %q while logging in", kind)
		}
	}
}

// one reads the answer to SELECT 1.
func (p *postgres) one() error {
	got := false
	for {
		kind, body, err := p.receive()
		if err != nil {
			return err
		}
		switch kind {
		case 'D': // one column of one byte
			got = string(body) == "\x00\x01\x00\x00\x00\x011"
		case 'E':
			return pgError(body)
		case 'Z':
			if !got {
				return refuse("SELECT 1 was not answered by 1")
			}
			return nil
		}
	}
}

func (p *postgres) authenticate(body []byte) (asked string, err error) {
	if len(body) < 4 {
		return "", refuse("this is not PostgreSQL: a short request to log in")
	}
	method, rest := binary.BigEndian.Uint32(body), body[4:]
	if p.t.Password == "" && method != pgAuthOK {
		return "asks " + p.t.User + " for a password", nil
	}
	switch method {
	case pgAuthOK:
		if p.scram != nil && !p.scram.proven {
			return "", refuse("the server let us in without proving that it knows the password")
		}
		return "", nil
	case pgAuthCleartext:
		return "", p.send('p', append([]byte(p.t.Password), 0))
	case pgAuthMD5:
		if len(rest) != 4 {
			return "", refuse("this is not PostgreSQL: a salt of %d bytes", len(rest))
		}
		return "", p.send('p', append([]byte("md5"+md5Hex(md5Hex(p.t.Password+p.t.User)+string(rest))), 0))
	case pgAuthSASL:
		if !slices.Contains(strings.Split(string(rest), "\x00"), "SCRAM-SHA-256") {
			return "", refuse("the server takes none of the passwords that are known here: %s", printable(string(rest)))
		}
		p.scram = &scram{password: p.t.Password, nonce: rand.Text()}
		first := p.scram.first()
		message := append([]byte("SCRAM-SHA-256"), 0)
		message = binary.BigEndian.AppendUint32(message, uint32(len(first)))
		return "", p.send('p', append(message, first...))
	case pgSASLContinue, pgSASLFinal:
		if p.scram == nil {
			return "", refuse("this is not PostgreSQL: the end of a log-in that was not begun")
		}
		if method == pgSASLFinal {
			return "", p.scram.verify(string(rest))
		}
		final, err := p.scram.final(string(rest))
		if err != nil {
			return "", err
		}
		return "", p.send('p', []byte(final))
	}
	return "", refuse("the server wants to log in by method %d, which is not known here", method)
}

func (p *postgres) send(kind byte, body []byte) error {
	var message []byte
	if kind != 0 {
		message = append(message, kind)
	}
	message = binary.BigEndian.AppendUint32(message, uint32(len(body)+4))
	if _, err := p.to.Write(append(message, body...)); err != nil {
		return fmt.Errorf("log in as %s: %w", p.t.User, cause(err))
	}
	return nil
}

func (p *postgres) receive() (kind byte, body []byte, err error) {
	kind, body, err = readPostgres(p.from)
	if err != nil {
		err = fmt.Errorf("log in as %s: %w", p.t.User, cause(err))
	}
	return kind, body, err
}

func readPostgres(r io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > maxText {
		return 0, nil, refuse("this is not PostgreSQL: a message of %d bytes", n)
	}
	body = make([]byte, n-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

// pgError reads the fields of an error; one of class 57 (shutting down, starting
// up) or 53 (too many connections) passes.
func pgError(body []byte) error {
	fields := map[byte]string{}
	for _, f := range strings.Split(string(body), "\x00") {
		if f != "" {
			fields[f[0]] = f[1:]
		}
	}
	text := fmt.Sprintf("%s (%s)", printable(fields['M']), printable(fields['C']))
	if strings.HasPrefix(fields['C'], "57") || strings.HasPrefix(fields['C'], "53") {
		return fmt.Errorf("%s", text)
	}
	return refuse("%s", text)
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // the protocol wants it; old servers know nothing else
	return hex.EncodeToString(sum[:])
}

// scram is the client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677). PostgreSQL
// takes the user's name from the start of the session and ignores the one here.
type scram struct {
	password, nonce string
	auth            string // what both sides sign
	salted          []byte
	proven          bool // the server knows the password too
}

func (s *scram) first() string { return "n,," + s.bare() }

func (s *scram) bare() string { return "n=,r=" + s.nonce }

// maxIterations is far above any server's setting (PostgreSQL: 4096): what asks
// for more wants to keep us busy.
const maxIterations = 1 << 20

func (s *scram) final(challenge string) (string, error) {
	fields := scramFields(challenge)
	salt, err := base64.StdEncoding.DecodeString(fields["s"])
	n, numberErr := strconv.Atoi(fields["i"])
	if err != nil || numberErr != nil || len(salt) == 0 || n < 1 || n > maxIterations || !strings.HasPrefix(fields["r"], s.nonce) {
		return "", refuse("the server's SCRAM challenge is malformed")
	}
	if s.salted, err = pbkdf2.Key(sha256.New, s.password, salt, n, sha256.Size); err != nil {
		return "", refuse("SCRAM: %v", err)
	}
	without := "c=biws,r=" + fields["r"]
	s.auth = s.bare() + "," + challenge + "," + without
	key := mac(s.salted, "Client Key")
	stored := sha256.Sum256(key)
	for i, b := range mac(stored[:], s.auth) {
		key[i] ^= b
	}
	return without + ",p=" + base64.StdEncoding.EncodeToString(key), nil
}

func (s *scram) verify(final string) error {
	signature, err := base64.StdEncoding.DecodeString(scramFields(final)["v"])
	if err != nil || s.salted == nil || !hmac.Equal(signature, mac(mac(s.salted, "Server Key"), s.auth)) {
		return refuse("the server does not know the password that it asked for")
	}
	s.proven = true
	return nil
}

func scramFields(text string) map[string]string {
	fields := map[string]string{}
	for _, f := range strings.Split(text, ",") {
		if name, value, ok := strings.Cut(f, "="); ok {
			fields[name] = value
		}
	}
	return fields
}
