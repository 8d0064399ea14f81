package speak

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/buenhyden/hy-home/internal/catalog"
)

// speakKafka logs in and asks a broker who else there is, and then each of these,
// by the name that the first one tells its clients: a listener that advertises a
// name which only Docker knows is the classic fault.
func speakKafka(ctx context.Context, d *dialer) (string, error) {
	brokers, err := brokersOf(ctx, d, hostPort(d.target.Name, d.target.Port))
	if err != nil {
		return "", err
	}
	if len(brokers) == 0 {
		return "", passing("it knows no brokers yet")
	}
	for _, b := range brokers {
		to := hostPort(b.Host, int(b.Port))
		if _, _, err := split(to); err != nil || b.Host == "" {
			return "", refuse("it sends its clients to %s", printable(to))
		}
		if _, err := brokersOf(ctx, d, to); err != nil {
			return "", fmt.Errorf("it sends its clients to %s: %w", to, err)
		}
	}
	return fmt.Sprintf("%d brokers, each by the name that is told", len(brokers)), nil
}

// brokersOf asks one broker for all of them, and for no topics. On the way the
// client agrees with it on versions, and logs in.
func brokersOf(ctx context.Context, d *dialer, at string) ([]kmsg.MetadataResponseBroker, error) {
	client, err := forKafka(d, at, kgo.RequestRetries(0))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ask := kmsg.NewPtrMetadataRequest()
	ask.Topics = []kmsg.MetadataRequestTopic{} // none; nil would be all
	answer, err := ask.RequestWith(ctx, client.SeedBrokers()[0])
	if err != nil {
		return nil, kafkaCause(err)
	}
	return answer.Brokers, nil
}

// forKafka is a client that logs in by the dialer's target.
func forKafka(d *dialer, at string, more ...kgo.Opt) (*kgo.Client, error) {
	options := append([]kgo.Opt{
		kgo.SeedBrokers(at), kgo.ClientID("hyaction"), kgo.Dialer(d.dialTo), kgo.DialTimeout(oneTry),
		kgo.DisableClientMetrics(),
		kgo.BrokerMaxReadBytes(maxText), kgo.FetchMaxBytes(maxText), kgo.FetchMaxPartitionBytes(maxText),
	}, more...)
	if m := mechanism(d.target); m != nil {
		options = append(options, kgo.SASL(m))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, refuse("settings of Kafka: %v", err)
	}
	return client, nil
}

func mechanism(t Target) sasl.Mechanism {
	switch t.SASL {
	case catalog.SASLPlain:
		return plain.Auth{User: t.User, Pass: t.Password}.AsMechanism()
	case catalog.SASLScram256:
		return scram.Auth{User: t.User, Pass: t.Password}.AsSha256Mechanism()
	case catalog.SASLScram512:
		return scram.Auth{User: t.User, Pass: t.Password}.AsSha512Mechanism()
	}
	return nil
}

// kafkaCause tells what will not change, a password or a way to log in that is not
// taken, from what may.
func kafkaCause(err error) error {
	var said *kerr.Error
	var closed *kgo.ErrFirstReadEOF
	switch text := err.Error(); {
	case errors.As(err, &said) && said.Retriable:
		return passing("%s: %s", said.Message, said.Description)
	case errors.As(err, &said):
		return refuse("%s: %s", said.Message, said.Description)
	case errors.As(err, &closed):
		return errors.New(closed.Error()) // with what the library guesses from it
	case strings.HasPrefix(text, "invalid large response size"), strings.HasPrefix(text, "invalid negative response size"):
		return stranger("this is not Kafka: %s", printable(text))
	}
	return cause(err)
}
