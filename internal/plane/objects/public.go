package objects

import (
	"net/http"
	"strings"
	"sync"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// checkResources applies S3's rule that a bucket policy speaks of its own bucket only.
func checkResources(d *policy.Document, bucket string) error {
	own := "arn:aws:s3:::" + bucket
	for _, s := range d.Statements() {
		for _, r := range s.Resources {
			if r != own && !strings.HasPrefix(r, own+"/") && !wildcardCovers(r, own) {
				return awsapi.Errorf(http.StatusBadRequest, "MalformedPolicy", "Policy has invalid resource")
			}
		}
		for _, a := range s.Actions {
			if a != "*" && !strings.HasPrefix(strings.ToLower(a), "s3:") {
				return awsapi.Errorf(http.StatusBadRequest, "MalformedPolicy", "Policy has invalid action")
			}
		}
	}
	return nil
}

// wildcardCovers reports whether a resource with a wildcard can name the bucket or what is in it.
func wildcardCovers(resource, own string) bool {
	i := strings.IndexAny(resource, "*?")
	if i < 0 {
		return false
	}
	return strings.HasPrefix(own, resource[:i])
}

// publicPolicies remembers which buckets' policies are public; looking takes a parse.
type publicPolicies struct{ known sync.Map } // bucket name → publicPolicy

type publicPolicy struct {
	text   string
	public bool
}

// is reports whether b's policy grants anything to everybody.
func (p *publicPolicies) is(b *identity.Bucket) bool {
	if b.Policy == "" {
		return false
	}
	if v, ok := p.known.Load(b.Name); ok {
		if k, ok := v.(publicPolicy); ok && k.text == b.Policy {
			return k.public
		}
	}
	d, err := policy.Parse(policy.Resource, []byte(b.Policy))
	public := err != nil || isPublic(d) // what cannot be read is not trusted
	p.known.Store(b.Name, publicPolicy{b.Policy, public})
	return public
}

// isPublic applies S3's definition: a statement allows everybody, and no condition limits it to fixed
// values of a key that a stranger cannot choose.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
func isPublic(d *policy.Document) bool {
	for _, s := range d.Statements() {
		if s.Effect == policy.Allow && everybody(&s) && !limited(s.Conditions) {
			return true
		}
	}
	return false
}

func everybody(s *policy.Statement) bool {
	if s.NotPrincipal {
		return true
	}
	for _, p := range s.Principals {
		if strings.Contains(p.Value, "*") || p.Type == "*" {
			return true
		}
	}
	return false
}

func limited(conditions []policy.Condition) bool {
	for _, c := range conditions {
		if limits(c) {
			return true
		}
	}
	return false
}

func limits(c policy.Condition) bool {
	op := strings.ToLower(c.Operator)
	switch {
	case strings.HasSuffix(op, "ifexists"), strings.Contains(op, "not"), strings.HasPrefix(op, "null"), strings.HasPrefix(op, "forallvalues:"):
		return false // true as well of a request that lacks the key, or of all but a few
	}
	switch strings.ToLower(c.Key) {
	case "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn", "aws:sourcearn", "aws:sourceaccount",
		"aws:sourceowner", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpce", "aws:userid",
		"s3:dataaccesspointarn", "s3:dataaccesspointaccount":
		for _, v := range c.Values {
			if strings.ContainsAny(v, "*?$") {
				return false
			}
		}
		return len(c.Values) > 0
	case "aws:sourceip", "aws:vpcsourceip":
		for _, v := range c.Values {
			if wideNetwork(v) {
				return false
			}
		}
		return len(c.Values) > 0
	default:
		return false
	}
}

// wideNetwork applies S3's bounds: IPv4 ranges wider than /8 and IPv6 ones wider than /32 are public.
func wideNetwork(cidr string) bool {
	_, bits, ok := strings.Cut(cidr, "/")
	if !ok {
		return false
	}
	n := 0
	for _, c := range []byte(bits) {
		if c < '0' || c > '9' || n > 128 {
			return true
		}
		n = n*10 + int(c-'0')
	}
	if strings.Contains(cidr, ":") {
		return n < 32
	}
	return n < 8
}
