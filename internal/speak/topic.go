package speak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic is one of Kafka's.
type Topic struct {
	Name        string
	Partitions  int32             // 0 leaves it to the broker
	Replication int16             // 0 leaves it to the broker
	Config      map[string]string // "retention.ms": "3600000"; what is not named is left alone
}

// MakeTopics makes topics that are not there. Then the leader of each partition is
// asked where the partition ends: a topic without a leader can be listed, and takes
// no record. No record is written, as those who read the topic would get it.
func MakeTopics(ctx context.Context, s Service, topics []Topic) (Made, error) {
	var made Made
	d, err := s.dialer()
	if err != nil {
		return made, err
	}
	client, err := forKafka(d, hostPort(s.Target.Name, s.Target.Port))
	if err != nil {
		return made, err
	}
	defer client.Close()
	m := topicMaker{Service: s, client: client}
	for _, t := range topics {
		did, err := m.topic(ctx, t)
		if err == nil {
			err = m.prove(ctx, t.Name)
		}
		if err != nil {
			return made, fmt.Errorf("topic %s: %w", t.Name, err)
		}
		switch did {
		case isNew:
			made.New++
		case isChanged:
			made.Changed++
		default:
			made.Kept++
		}
	}
	return made, nil
}

type topicMaker struct {
	Service
	client *kgo.Client
}

// What was done to a topic.
const (
	isKept = iota
	isNew
	isChanged
)

func (m topicMaker) topic(ctx context.Context, t Topic) (int, error) {
	there, err := m.look(ctx, t.Name)
	if err != nil {
		return isKept, err
	}
	if there == nil {
		return isNew, m.create(ctx, t)
	}
	did := isKept
	if has := int32(len(there.Partitions)); has < t.Partitions {
		if err := m.change("it is there with %d partitions, fewer than %d", has, t.Partitions); err != nil {
			return did, err
		}
		if err := m.grow(ctx, t); err != nil {
			return did, err
		}
		did = isChanged
	}
	differs, err := m.differs(ctx, t)
	if err != nil || len(differs) == 0 {
		return did, err
	}
	if err := m.change("it is there with another %s than %q", differs[0], t.Config[differs[0]]); err != nil {
		return did, err
	}
	return isChanged, m.configure(ctx, t, differs)
}

// look is what the brokers know of a topic; nil for none.
func (m topicMaker) look(ctx context.Context, name string) (*kmsg.MetadataResponseTopic, error) {
	ask := kmsg.NewPtrMetadataRequest()
	ask.AllowAutoTopicCreation = false
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &name
	ask.Topics = append(ask.Topics, topic)
	answer, err := request(ctx, m.client, ask)
	if err != nil {
		return nil, err
	}
	if len(answer.Topics) != 1 {
		return nil, errors.New("a question for one topic was answered otherwise")
	}
	err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, nil
	}
	if err != nil && !errors.Is(err, kerr.LeaderNotAvailable) {
		return nil, kafkaCause(err)
	}
	return &answer.Topics[0], nil
}

// took is how long the brokers themselves may take, in ms.
const took = 10_000

func (m topicMaker) create(ctx context.Context, t Topic) error {
	ask := kmsg.NewPtrCreateTopicsRequest()
	ask.TimeoutMillis = took
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = t.Name, t.Partitions, t.Replication
	if t.Partitions == 0 {
		topic.NumPartitions = -1
	}
	if t.Replication == 0 {
		topic.ReplicationFactor = -1
	}
	for _, key := range slices.Sorted(maps.Keys(t.Config)) {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, kmsg.StringPtr(t.Config[key])
		topic.Configs = append(topic.Configs, config)
	}
	ask.Topics = append(ask.Topics, topic)
	answer, err := request(ctx, m.client, ask)
	if err != nil {
		return err
	}
	for _, a := range answer.Topics {
		if err := kerr.ErrorForCode(a.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return kafkaCause(err)
		}
	}
	return nil
}

func (m topicMaker) grow(ctx context.Context, t Topic) error {
	ask := kmsg.NewPtrCreatePartitionsRequest()
	ask.TimeoutMillis = took
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = t.Name, t.Partitions
	ask.Topics = append(ask.Topics, topic)
	answer, err := request(ctx, m.client, ask)
	if err != nil {
		return err
	}
	for _, a := range answer.Topics {
		if err := kerr.ErrorForCode(a.ErrorCode); err != nil {
			return kafkaCause(err)
		}
	}
	return nil
}

// prove asks the leader of each partition for its end. A topic that was made this
// moment has no leaders yet, which passes.
func (m topicMaker) prove(ctx context.Context, name string) error {
	there, err := m.look(ctx, name)
	if err != nil {
		return err
	}
	if there == nil || len(there.Partitions) == 0 {
		return passing("the brokers do not know it yet")
	}
	ask := kmsg.NewPtrListOffsetsRequest()
	ask.ReplicaID = -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = name
	for _, p := range there.Partitions {
		if p.Leader < 0 {
			return passing("partition %d has no leader yet", p.Partition)
		}
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp = p.Partition, -1 // the end
		topic.Partitions = append(topic.Partitions, partition)
	}
	ask.Topics = append(ask.Topics, topic)
	answer, err := request(ctx, m.client, ask)
	if err != nil {
		return err
	}
	answered := 0
	for _, a := range answer.Topics {
		for _, p := range a.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("partition %d: %w", p.Partition, kafkaCause(err))
			}
			answered++
		}
	}
	if answered != len(there.Partitions) {
		return passing("%d of %d partitions answer", answered, len(there.Partitions))
	}
	return nil
}

// requester is a request of which the answer's type is known.
type requester[A any] interface {
	RequestWith(ctx context.Context, r kmsg.Requestor) (A, error)
}

// request sends to whom it belongs: the client knows the controller and the
// leaders of partitions.
func request[A any](ctx context.Context, client *kgo.Client, ask requester[A]) (A, error) {
	ctx, cancel := step(ctx)
	defer cancel()
	answer, err := ask.RequestWith(ctx, client)
	if err != nil {
		return answer, kafkaCause(err)
	}
	return answer, nil
}
