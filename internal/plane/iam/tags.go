package iam

import (
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// keyCase says when two tag keys are the same. Those of users and roles are so without regard to case.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
type keyCase func(key string) string

func anyCase(key string) string  { return identity.Fold(key) }
func thisCase(key string) string { return key }

// checkTags refuses tags that the model accepts and IAM does not.
func checkTags(tags []identity.Tag, fold keyCase) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		if strings.HasPrefix(identity.Fold(t.Key), "aws:") {
			return iamapi.ErrInvalidInput("aws: prefixed tag key names are not allowed for external use.")
		}
		key := fold(t.Key)
		switch {
		case !seen[key]:
			seen[key] = true
		case fold("A") != "A":
			return iamapi.ErrInvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		default:
			return iamapi.ErrInvalidInput("Duplicate tag keys found.")
		}
	}
	return nil
}

// merged are the tags of a resource after TagX, by their keys; equal keys keep the spelling of the last.
func (v *service) merged(old, fresh []identity.Tag, fold keyCase) ([]identity.Tag, error) {
	if err := checkTags(fresh, fold); err != nil {
		return nil, err
	}
	out := slices.Clone(old)
	for _, t := range fresh {
		i := slices.IndexFunc(out, func(o identity.Tag) bool { return fold(o.Key) == fold(t.Key) })
		if i < 0 {
			out = append(out, t)
		} else {
			out[i] = t
		}
	}
	if len(out) > v.quotas.Tags {
		return nil, iamapi.ErrLimitExceeded("The number of tags has reached the maximum limit.")
	}
	slices.SortFunc(out, func(a, b identity.Tag) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// without are the tags of a resource after UntagX.
func without(old []identity.Tag, keys []string, fold keyCase) []identity.Tag {
	return slices.DeleteFunc(slices.Clone(old), func(t identity.Tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return fold(k) == fold(t.Key) })
	})
}

// tagPage is a page of a resource's tags.
func tagPage(c *awsapi.Call, tags []identity.Tag, marker *string, max *int) (page[identity.Tag], error) {
	c.ReadOnly()
	name := func(t identity.Tag) string { return t.Key }
	return paginate(marker, max, sliced(tags, name), name)
}
