package imds

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"runtime"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/wire"
)

// Instance are the facts about this machine that the endpoint tells. What is empty is not found.
type Instance struct {
	// ID is the instance id, "i-…".
	ID string
	// Region and AvailabilityZone are where it is; SDKs take their region from here.
	Region, AvailabilityZone string
	// Started is when the machine, or the agent, came up.
	Started time.Time
}

// fact returns what is at path below /latest, without a slash at its end. t is nil for a caller
// that is no workload.
func (h *Handler) fact(path string, t *target) (string, bool) {
	i := h.o.Instance
	switch path {
	case "":
		return "dynamic\nmeta-data", true
	case "meta-data":
		return "iam/\ninstance-id\nplacement/\nservices/", true
	case "meta-data/instance-id":
		return i.ID, i.ID != ""
	case "meta-data/placement":
		return "availability-zone\nregion", i.Region != ""
	case "meta-data/placement/region":
		return i.Region, i.Region != ""
	case "meta-data/placement/availability-zone":
		return i.zone(), i.Region != ""
	case "meta-data/services":
		return "domain\npartition", true
	case "meta-data/services/domain":
		domain, _ := i.partition()
		return domain, true
	case "meta-data/services/partition":
		_, partition := i.partition()
		return partition, true
	case "dynamic":
		return "instance-identity/", true
	case "dynamic/instance-identity":
		return "document", true
	case "dynamic/instance-identity/document":
		return i.document(t), i.Region != ""
	}
	return roleFact(path, t)
}

// roleFact tells of the caller's role; AWS answers "not found" for an instance without one.
func roleFact(path string, t *target) (string, bool) {
	if t == nil {
		return "", false
	}
	switch path {
	case "meta-data/iam":
		return "info\nsecurity-credentials/", true
	case "meta-data/iam/security-credentials":
		return t.role, true
	case "meta-data/iam/info":
		return t.info()
	}
	return "", false
}

// zone is the configured availability zone, or the region's first: botocore finds the region by
// cutting the letter off.
func (i Instance) zone() string {
	if i.AvailabilityZone != "" {
		return i.AvailabilityZone
	}
	return i.Region + "a"
}

func (i Instance) partition() (domain, partition string) {
	switch {
	case strings.HasPrefix(i.Region, "cn-"):
		return "amazonaws.com.cn", "aws-cn"
	case strings.HasPrefix(i.Region, "us-gov-"):
		return "amazonaws.com", "aws-us-gov"
	}
	return "amazonaws.com", "aws"
}

// document is the instance identity document. It carries no signature: nobody but AWS can make one
// that AWS's verifiers accept.
func (i Instance) document(t *target) string {
	architecture := runtime.GOARCH
	switch architecture {
	case "amd64":
		architecture = "x86_64"
	case "386":
		architecture = "i386"
	}
	account := ""
	if t != nil {
		account = accountOf(t.arn)
	}
	b, err := json.MarshalIndent(struct {
		AccountID        string `json:"accountId,omitempty"`
		Architecture     string `json:"architecture"`
		AvailabilityZone string `json:"availabilityZone"`
		InstanceID       string `json:"instanceId"`
		PendingTime      string `json:"pendingTime"`
		Region           string `json:"region"`
		Version          string `json:"version"`
	}{account, architecture, i.zone(), i.ID, i.Started.UTC().Format(wire.TimeFormat), i.Region, "2017-09-30"}, "", "  ")
	if err != nil { // structs of strings always encode
		panic(err)
	}
	return string(b)
}

// info is what the SDKs and tools read to learn the instance profile; it is named like the role.
func (t *target) info() (string, bool) {
	account := accountOf(t.arn)
	if account == "" {
		return "", false
	}
	partition := strings.SplitN(t.arn, ":", 3)[1]
	digest := sha256.Sum256([]byte(t.arn))
	updated := time.Now()
	if a := t.Session.Answer(updated); a != nil {
		updated = a.Obtained
	}
	b, err := json.MarshalIndent(struct {
		Code, LastUpdated  string
		InstanceProfileArn string
		InstanceProfileId  string //nolint:revive // spelled as AWS does
	}{
		"Success", updated.UTC().Format(wire.TimeFormat),
		"arn:" + partition + ":iam::" + account + ":instance-profile/" + t.role,
		"AIPA" + base32.StdEncoding.EncodeToString(digest[:])[:17],
	}, "", "  ")
	if err != nil { // structs of strings always encode
		panic(err)
	}
	return string(b), true
}

// accountOf returns the account in an ARN, "" if it has none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
