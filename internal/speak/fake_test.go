package speak

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// serve answers each connection at a port of its own.
func serve(t *testing.T, answer func(net.Conn)) (port int) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				answer(c)
			})
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

// closed is a port at which nobody listens.
func closed(t *testing.T) int {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// talk is one conversation at a port of this machine, without patience.
func talk(t *testing.T, target Target) Answer {
	t.Helper()
	target.Endpoint, target.Name = "x", "localhost"
	return one(context.Background(), target, 0, make(chan struct{}, 1))
}

func expect(t *testing.T, a Answer, said, fault string) {
	t.Helper()
	if !strings.Contains(a.Said, said) || (a.Fault == "") != (fault == "") || !strings.Contains(a.Fault, fault) {
		t.Errorf("said %q, fault %q; want %q, %q", a.Said, a.Fault, said, fault)
	}
}

// command reads one command in RESP.
func command(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		if words[i], _, err = readRESP(r); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// redisServer is a Redis as its protocol's page describes it, with a password
// and, for a key, the place that it sends its clients to.
func redisServer(t *testing.T, password, state, moved string) int {
	values := sync.Map{}
	return serve(t, func(c net.Conn) {
		r, in := bufio.NewReader(c), password == ""
		for {
			words, err := command(r)
			if err != nil {
				return
			}
			answer := "+OK\r\n"
			switch {
			case words[0] == "AUTH":
				if in = words[len(words)-1] == password; !in {
					answer = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
				}
			case !in:
				answer = "-NOAUTH Authentication required.\r\n"
			case words[0] == "PING":
				answer = "+PONG\r\n"
			case words[0] == "CLUSTER":
				text := "cluster_state:" + state + "\r\n"
				answer = fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
			case words[0] == "SET" && moved != "":
				answer = "-" + moved + "\r\n"
			case words[0] == "SET":
				values.Store(words[1], words[2])
			case words[0] == "GET":
				answer = "$-1\r\n"
				if v, ok := values.Load(words[1]); ok {
					answer = fmt.Sprintf("$%d\r\n%s\r\n", len(v.(string)), v)
				}
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	})
}

func TestRedis(t *testing.T) {
	right := redisServer(t, "secret", "ok", "")
	for _, tt := range []struct {
		name        string
		port        int
		target      Target
		said, fault string
	}{
		{"alone", right, Target{Password: "secret"}, "SET and GET by localhost", ""},
		{"as a user", right, Target{User: "app", Password: "secret"}, "SET and GET", ""},
		{"wrong password", right, Target{Password: "guess"}, "", "AUTH: WRONGPASS"},
		{"no password", right, Target{}, "", "NOAUTH"},
		{"sent on", redisServer(t, "secret", "ok", fmt.Sprintf("MOVED 7 127.0.0.1:%d", right)), Target{Password: "secret", Clustered: true}, "SET and GET by 127.0.0.1", ""},
		{"sent on without a name", redisServer(t, "secret", "ok", fmt.Sprintf("MOVED 7 :%d", right)), Target{Password: "secret", Clustered: true}, "by localhost", ""},
		{"sent to a name that is none", redisServer(t, "", "ok", "MOVED 7 nobody.invalid:6379"), Target{Clustered: true}, "", "it sends its clients on: "},
		{"sent to where nobody is", redisServer(t, "", "ok", fmt.Sprintf("MOVED 7 127.0.0.1:%d", closed(t))), Target{Clustered: true}, "", "connect: connection refused"},
		{"half a cluster", redisServer(t, "", "fail", ""), Target{Clustered: true}, "", "the cluster is not whole: cluster_state:fail"},
		{"something else", serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.9\r\n") }), Target{}, "", "this is not Redis: SSH-2.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.target.Protocol, tt.target.Port = catalog.Redis, tt.port
			expect(t, talk(t, tt.target), tt.said, tt.fault)
		})
	}
}

// pgServer is a PostgreSQL as far as the protocol's page tells of a log-in.
type pgServer struct {
	method         uint32
	user, password string
	lies           bool   // does not know the password itself
	code           string // of the error instead of everything
}

func (s pgServer) answer(c net.Conn) {
	r := bufio.NewReader(c)
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return
	}
	start := make([]byte, binary.BigEndian.Uint32(size[:])-4)
	if _, err := io.ReadFull(r, start); err != nil {
		return
	}
	say := func(kind byte, body []byte) {
		_, _ = c.Write(append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...))
	}
	fail := func(code, text string) { say('E', []byte("SFATAL\x00C"+code+"\x00M"+text+"\x00\x00")) }
	auth := func(method uint32, rest string) {
		say('R', append(binary.BigEndian.AppendUint32(nil, method), rest...))
	}
	hear := func() string {
		_, body, err := readPostgres(r)
		if err != nil {
			return ""
		}
		return string(body)
	}
	if s.code != "" {
		fail(s.code, "the database system is starting up")
		return
	}
	if !strings.Contains(string(start), "user\x00"+s.user+"\x00") {
		fail("28000", "no such user")
		return
	}
	ok := true
	switch s.method {
	case pgAuthCleartext:
		auth(s.method, "")
		ok = hear() == s.password+"\x00"
	case pgAuthMD5:
		auth(s.method, "salt")
		ok = hear() == "md5"+md5Hex(md5Hex(s.password+s.user)+"salt")+"\x00"
	case pgAuthSASL:
		auth(s.method, "SCRAM-SHA-256-PLUS\x00SCRAM-SHA-256\x00\x00")
		_, bare, found := strings.Cut(hear(), "n,,")
		if !found {
			return // it knows no password and has hung up
		}
		nonce := strings.TrimPrefix(bare, "n=,r=") + rand.Text()
		challenge := "r=" + nonce + ",s=" + base64.StdEncoding.EncodeToString([]byte("pepper")) + ",i=4096"
		auth(pgSASLContinue, challenge)
		final := hear()
		without, proof, _ := strings.Cut(final, ",p=")
		salted, _ := pbkdf2.Key(sha256.New, s.password, []byte("pepper"), 4096, sha256.Size)
		message := bare + "," + challenge + "," + without
		key := mac(salted, "Client Key")
		stored := sha256.Sum256(key)
		for i, b := range mac(stored[:], message) {
			key[i] ^= b
		}
		given, _ := base64.StdEncoding.DecodeString(proof)
		if ok = hmac.Equal(given, key); ok {
			signed := mac(mac(salted, "Server Key"), message)
			if s.lies {
				signed[0]++
			}
			auth(pgSASLFinal, "v="+base64.StdEncoding.EncodeToString(signed))
		}
	}
	if !ok {
		fail("28P01", `password authentication failed for user "`+s.user+`"`)
		return
	}
	auth(pgAuthOK, "")
	say('S', []byte("server_version\x0017.2\x00"))
	say('Z', []byte("I"))
	if hear() != "SELECT 1\x00" {
		return
	}
	say('T', []byte("\x00\x01?column?\x00"))
	say('D', []byte("\x00\x01\x00\x00\x00\x011"))
	say('C', []byte("SELECT 1\x00"))
	say('Z', []byte("I"))
}

func TestPostgres(t *testing.T) {
	for _, tt := range []struct {
		name        string
		server      pgServer
		target      Target
		said, fault string
	}{
		{"trust", pgServer{user: "postgres"}, Target{}, "SELECT 1 as postgres", ""},
		{"cleartext", pgServer{method: pgAuthCleartext, user: "app", password: "pw"}, Target{User: "app", Password: "pw"}, "SELECT 1 as app", ""},
		{"md5", pgServer{method: pgAuthMD5, user: "app", password: "pw"}, Target{User: "app", Password: "pw"}, "SELECT 1 as app", ""},
		{"scram", pgServer{method: pgAuthSASL, user: "app", password: "pw"}, Target{User: "app", Password: "pw"}, "SELECT 1 as app", ""},
		{"scram, wrong", pgServer{method: pgAuthSASL, user: "app", password: "pw"}, Target{User: "app", Password: "pq"}, "", `password authentication failed for user "app" (28P01)`},
		{"scram, by a liar", pgServer{method: pgAuthSASL, user: "app", password: "pw", lies: true}, Target{User: "app", Password: "pw"}, "", "the server does not know the password"},
		{"no password known", pgServer{method: pgAuthSASL, user: "app", password: "pw"}, Target{User: "app"}, "asks app for a password", ""},
		{"wrong user", pgServer{user: "app"}, Target{}, "", "no such user (28000)"},
		{"starting", pgServer{code: "57P03"}, Target{}, "", "starting up (57P03)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.target.Protocol, tt.target.Port = catalog.Postgres, serve(t, tt.server.answer)
			expect(t, talk(t, tt.target), tt.said, tt.fault)
		})
	}
}

// The example of RFC 7677, section 3, with PostgreSQL's empty user name left out:
// only the nonce and what follows from it differ in what is computed here, so the
// keys are checked through the salted password of the RFC.
func TestScram_SaltedPasswordOfTheRFC(t *testing.T) {
	s := &scram{password: "pencil", nonce: "rOprNGfwEbeRWgbNEkqO"}
	challenge := "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	if _, err := s.final(challenge); err != nil {
		t.Fatal(err)
	}
	// With the RFC's own message the RFC's own proofs must come out.
	auth := "n=user,r=rOprNGfwEbeRWgbNEkqO," + challenge + ",c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	s.auth = auth
	if err := s.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="); err != nil {
		t.Error(err)
	}
}

// kafkaServer is a broker that names brokers.
func kafkaServer(t *testing.T, low, high int16, brokers ...broker) int {
	return serve(t, func(c net.Conn) {
		for {
			var head [12]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return
			}
			rest := make([]byte, binary.BigEndian.Uint32(head[:])-8)
			if _, err := io.ReadFull(c, rest); err != nil {
				return
			}
			api, version := binary.BigEndian.Uint16(head[4:]), binary.BigEndian.Uint16(head[6:])
			body := append([]byte{}, head[8:12]...)
			switch {
			case api == kafkaAPIVersions && version == 0:
				body = append(body, 0, 0, 0, 0, 0, 2) // no error, two keys
				body = append(body, 0, kafkaAPIVersions, 0, 0, 0, 4, 0, kafkaMetadata, 0, byte(low), 0, byte(high))
			case api == kafkaMetadata && version == metadataVersion && string(rest) == "\x00\x08hyaction\x00\x00\x00\x00\x00":
				body = append(body, 0, 0, 0, 0)
				body = binary.BigEndian.AppendUint32(body, uint32(len(brokers)))
				for i, b := range brokers {
					body = binary.BigEndian.AppendUint32(body, uint32(i))
					body = binary.BigEndian.AppendUint16(body, uint16(len(b.host)))
					body = append(body, b.host...)
					body = binary.BigEndian.AppendUint32(body, uint32(b.port))
					body = append(body, 0xff, 0xff) // no rack
				}
				body = append(body, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0) // no cluster's name, controller 0, no topics
			default:
				return
			}
			_, _ = c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
		}
	})
}

func TestKafka(t *testing.T) {
	other := kafkaServer(t, 0, 13)
	for _, tt := range []struct {
		name        string
		port        int
		said, fault string
	}{
		{"two brokers", kafkaServer(t, 0, 13, broker{"localhost", other}, broker{"127.0.0.1", other}), "2 brokers, each by the name that is told", ""},
		{"a name that only others know", kafkaServer(t, 0, 13, broker{"kafka-1.invalid", 9092}), "", "it sends its clients to kafka-1.invalid:9092: "},
		{"a listener that nobody can mean", kafkaServer(t, 0, 13, broker{"", 9092}), "", "it sends its clients to :9092"},
		{"no brokers", kafkaServer(t, 0, 13), "", "it knows no brokers yet"},
		{"too new", kafkaServer(t, 9, 13), "", "in versions 9 to 13, not 5"},
		{"something else", serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }), "", "this is not Kafka"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, talk(t, Target{Protocol: catalog.Kafka, Port: tt.port}), tt.said, tt.fault)
		})
	}
}

func TestTCP(t *testing.T) {
	quiet := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	expect(t, talk(t, Target{Protocol: catalog.TCP, Port: quiet}), "open", "")
	hangsUp := serve(t, func(net.Conn) {})
	expect(t, talk(t, Target{Protocol: catalog.TCP, Port: hangsUp}), "", "closed at once")
	expect(t, talk(t, Target{Protocol: catalog.TCP, Port: closed(t)}), "", "connection refused")
	expect(t, talk(t, Target{Protocol: "smtp", Port: quiet}), "", "nobody here speaks smtp")
}

// What passes by itself is asked again; what does not, is not.
func TestOne_AsksAgainOnlyWhatPasses(t *testing.T) {
	var mu sync.Mutex
	calls := 0
	port := serve(t, func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls > 1 {
			_, _ = io.Copy(io.Discard, io.LimitReader(c, 1))
		}
	})
	a := one(context.Background(), Target{Name: "localhost", Protocol: catalog.TCP, Port: port}, 5*time.Second, make(chan struct{}, 1))
	if a.Fault != "" || calls < 2 {
		t.Errorf("fault %q after %d calls", a.Fault, calls)
	}
	start := time.Now()
	if a := one(context.Background(), Target{Name: "localhost", Protocol: "smtp", Port: port}, 5*time.Second, make(chan struct{}, 1)); a.Fault == "" || time.Since(start) > 3*time.Second {
		t.Errorf("what will not change was asked again for %s: %q", time.Since(start), a.Fault)
	}
}

func TestAll_AnswersInOrder(t *testing.T) {
	port := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	answers := All(context.Background(), []Target{
		{Endpoint: "a", Name: "localhost", Protocol: catalog.TCP, Port: port},
		{Endpoint: "b", Name: "127.0.0.1", Protocol: catalog.TCP, Port: port},
	})
	if len(answers) != 2 || answers[0].Endpoint != "a" || answers[1].Endpoint != "b" || answers[1].Address != fmt.Sprintf("127.0.0.1:%d", port) || answers[0].Took <= 0 {
		t.Errorf("got %+v", answers)
	}
}

func FuzzReaders(f *testing.F) {
	f.Add([]byte("$3\r\nabc\r\n"))
	f.Add([]byte("-MOVED 3999 redis-node-2:6379\r\n"))
	f.Add([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00"))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 0x23, 0x84, 0xff, 0xff})
	f.Add([]byte("<Error><Code>AccessDenied</Code></Error>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, isError, err := readRESP(bufio.NewReader(strings.NewReader(string(b))))
		if err == nil && isError {
			host, port, ok := movedTo(&redisError{"SET", text})
			if ok && (port < 1 || port > 65535 || strings.ContainsAny(host, " \r\n")) {
				t.Errorf("%q sends to %q:%d", text, host, port)
			}
		}
		if _, body, err := readPostgres(strings.NewReader(string(b))); err == nil {
			if pgError(body) == nil {
				t.Error("an error that is none")
			}
		}
		_, _ = (&scram{nonce: "n", password: "p"}).final("i=1," + strings.ReplaceAll(string(b), "i=", "")) // a million rounds take a second
		var refused *refusal
		if err := judgeVersions(b); err != nil && !errors.As(err, &refused) {
			t.Errorf("versions: %v", err)
		}
		brokers, err := readBrokers(b)
		for _, k := range brokers {
			if err != nil || k.host == "" || k.port < 1 || k.port > 65535 {
				t.Errorf("broker %+v, %v", k, err)
			}
		}
		if said, err := judgeS3(200, string(b), true); (said == "") == (err == nil) {
			t.Errorf("S3: %q, %v", said, err)
		}
	})
}
