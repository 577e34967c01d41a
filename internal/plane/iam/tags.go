package iam

import (
	"slices"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// checkTags refuses tags that the model accepts and IAM does not.
func checkTags(tags []identity.Tag) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		folded := identity.Fold(t.Key)
		if len(folded) >= 4 && folded[:4] == "aws:" {
			return iamapi.ErrInvalidInput("aws: prefixed tag key names are not allowed for external use.")
		}
		if seen[folded] {
			return iamapi.ErrInvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[folded] = true
	}
	return nil
}

// merged are the tags of a resource after TagX: keys are equal without regard to case, and keep the
// spelling of the last.
func (v *service) merged(old, fresh []identity.Tag) ([]identity.Tag, error) {
	if err := checkTags(fresh); err != nil {
		return nil, err
	}
	out := slices.Clone(old)
	for _, t := range fresh {
		i := slices.IndexFunc(out, func(o identity.Tag) bool { return identity.Fold(o.Key) == identity.Fold(t.Key) })
		if i < 0 {
			out = append(out, t)
		} else {
			out[i] = t
		}
	}
	if len(out) > v.quotas.Tags {
		return nil, iamapi.ErrLimitExceeded("The number of tags has reached the maximum limit.")
	}
	return out, nil
}

// without are the tags of a resource after UntagX.
func without(old []identity.Tag, keys []string) []identity.Tag {
	return slices.DeleteFunc(slices.Clone(old), func(t identity.Tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return identity.Fold(k) == identity.Fold(t.Key) })
	})
}

// tagPage is a page of a resource's tags.
func tagPage(c *awsapi.Call, tags []identity.Tag, marker *string, max *int) (page[identity.Tag], error) {
	c.ReadOnly()
	name := func(t identity.Tag) string { return t.Key }
	return paginate(marker, max, sliced(tags, name), name)
}
