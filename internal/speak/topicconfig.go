package speak

import (
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// differs are the settings that a topic does not have as wanted.
func (m topicMaker) differs(ctx context.Context, t Topic) ([]string, error) {
	keys := slices.Sorted(maps.Keys(t.Config))
	if len(keys) == 0 {
		return nil, nil
	}
	ask := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeTopic, t.Name, keys
	ask.Resources = append(ask.Resources, resource)
	answer, err := request(ctx, m.client, ask)
	if err != nil {
		return nil, err
	}
	has := map[string]string{}
	for _, a := range answer.Resources {
		if err := kerr.ErrorForCode(a.ErrorCode); err != nil {
			return nil, kafkaCause(err)
		}
		for _, c := range a.Configs {
			if c.Value != nil {
				has[c.Name] = *c.Value
			}
		}
	}
	return slices.DeleteFunc(keys, func(key string) bool { return has[key] == t.Config[key] }), nil
}

func (m topicMaker) configure(ctx context.Context, t Topic, keys []string) error {
	ask := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, t.Name
	for _, key := range keys {
		config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		config.Name, config.Value, config.Op = key, kmsg.StringPtr(t.Config[key]), kmsg.IncrementalAlterConfigOpSet
		resource.Configs = append(resource.Configs, config)
	}
	ask.Resources = append(ask.Resources, resource)
	answer, err := request(ctx, m.client, ask)
	if err != nil {
		return err
	}
	for _, a := range answer.Resources {
		if err := kerr.ErrorForCode(a.ErrorCode); err != nil {
			return kafkaCause(err)
		}
	}
	return nil
}
