package speak

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Requests of Kafka's protocol: https://kafka.apache.org/protocol.html
const (
	kafkaMetadata    = 3
	kafkaAPIVersions = 18

	// metadataVersion is known to brokers from 1.0 on, and the last but three whose
	// form has plain lengths.
	metadataVersion = 5
)

// broker is one that Kafka sends its clients to.
type broker struct {
	host string
	port int
}

// speakKafka asks a broker what it understands and who else there is, and then
// each of these, by the name that the first one tells its clients: a listener
// that advertises a name which only Docker knows is the classic fault.
func speakKafka(ctx context.Context, c *conn, t Target) (string, error) {
	if err := kafkaVersions(c); err != nil {
		return "", err
	}
	body, err := kafkaAsk(c, kafkaMetadata, metadataVersion, []byte{0, 0, 0, 0, 0}) // no topics, and none to be made
	if err != nil {
		return "", fmt.Errorf("ask for the brokers: %w", err)
	}
	brokers, err := readBrokers(body)
	if err != nil {
		return "", err
	}
	if len(brokers) == 0 {
		return "", errors.New("it knows no brokers yet")
	}
	for _, b := range brokers {
		if err := ask(ctx, b); err != nil {
			return "", fmt.Errorf("it sends its clients to %s: %w", hostPort(b.host, b.port), err)
		}
	}
	return fmt.Sprintf("%d brokers, each by the name that is told", len(brokers)), nil
}

func ask(ctx context.Context, b broker) error {
	c, err := open(ctx, b.host, b.port)
	if err != nil {
		return err
	}
	defer c.Close()
	return kafkaVersions(c)
}

// kafkaVersions asks for what the broker understands, in the one form that every
// broker answers.
func kafkaVersions(c io.ReadWriter) error {
	body, err := kafkaAsk(c, kafkaAPIVersions, 0, nil)
	if err != nil {
		return fmt.Errorf("ask for the versions: %w", err)
	}
	return judgeVersions(body)
}

func judgeVersions(body []byte) error {
	r := wire{rest: body}
	if code := r.int16(); code != 0 || r.short {
		return refuse("this is not Kafka, or it refuses: error %d", code)
	}
	for range r.length() {
		key, low, high := r.int16(), r.int16(), r.int16()
		if r.short {
			break
		}
		if key == kafkaMetadata && (low > metadataVersion || high < metadataVersion) {
			return refuse("it understands requests for its brokers in versions %d to %d, not %d", low, high, metadataVersion)
		}
	}
	if r.short {
		return refuse("this is not Kafka: its versions break off")
	}
	return nil
}

func readBrokers(body []byte) ([]broker, error) {
	r := wire{rest: body}
	r.int32() // how long it was throttled
	var brokers []broker
	for range r.length() {
		r.int32() // id
		b := broker{host: r.string(), port: int(r.int32())}
		r.string() // rack
		if r.short {
			break
		}
		if b.host == "" || b.port < 1 || b.port > 65535 {
			return nil, refuse("it sends its clients to %s:%d", printable(b.host), b.port)
		}
		brokers = append(brokers, b)
	}
	if r.short {
		return nil, refuse("this is not Kafka: its list of brokers breaks off")
	}
	return brokers, nil
}

// correlation is sent with each request and has to come back.
const correlation = 0x68790001

func kafkaAsk(c io.ReadWriter, api, version int16, body []byte) ([]byte, error) {
	const client = "hyaction"
	request := binary.BigEndian.AppendUint32(nil, uint32(10+len(client)+len(body)))
	request = binary.BigEndian.AppendUint16(request, uint16(api))
	request = binary.BigEndian.AppendUint16(request, uint16(version))
	request = binary.BigEndian.AppendUint32(request, correlation)
	request = binary.BigEndian.AppendUint16(request, uint16(len(client)))
	request = append(append(request, client...), body...)
	if _, err := c.Write(request); err != nil {
		return nil, cause(err)
	}
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, cause(err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > maxText || binary.BigEndian.Uint32(head[4:]) != correlation {
		return nil, refuse("this is not Kafka")
	}
	answer := make([]byte, size-4)
	if _, err := io.ReadFull(c, answer); err != nil {
		return nil, cause(err)
	}
	return answer, nil
}

// wire reads Kafka's plain types; what is not there any more is 0, and short says so.
type wire struct {
	rest  []byte
	short bool
}

func (w *wire) take(n int) []byte {
	if n > len(w.rest) {
		w.short, w.rest = true, nil
		return make([]byte, min(n, 8))
	}
	b := w.rest[:n]
	w.rest = w.rest[n:]
	return b
}

func (w *wire) int16() int16 { return int16(binary.BigEndian.Uint16(w.take(2))) }
func (w *wire) int32() int32 { return int32(binary.BigEndian.Uint32(w.take(4))) }

// length of an array; no element is smaller than a byte.
func (w *wire) length() int {
	n := int(w.int32())
	if n > len(w.rest) {
		w.short = true
		return 0
	}
	return max(n, 0)
}

func (w *wire) string() string {
	n := int(w.int16())
	if n < 0 { // null
		return ""
	}
	if n > len(w.rest) {
		w.short = true
		return ""
	}
	return string(w.take(n))
}
