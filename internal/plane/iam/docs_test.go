package iam_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/iam"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/awspolicies"
)

var write = flag.Bool("write", false, "write docs/iam.md anew")

// TestDocs compares docs/iam.md with what the code serves. Write it with
// go test ./internal/plane/iam -run TestDocs -write
func TestDocs(t *testing.T) {
	s := awsapi.NewService(&iamapi.Model, awsapi.Options{})
	iam.Register(s, iam.Options{})
	var b strings.Builder
	served := s.Supported()
	fmt.Fprintf(&b, `# IAM

<!-- Generated from the code: go test ./internal/plane/iam -run TestDocs -write -->

The plane serves %d of the %d operations of AWS's IAM API (version %s), with AWS's constraints, errors and
quotas; each asks the policies in force for its own action. The others answer `+"`InvalidAction`"+`.

Known differences from AWS:

- Of AWS's managed policies a chosen set of %d exists; any other does not.
- `+"`DeleteServiceLinkedRole`"+` deletes at once, since no service of the plane holds such a role in use.
- The private key of a server certificate is checked and not kept.
- SAML providers with encrypted assertions are refused.
- `+"`PasswordLastUsed`"+` is never told: nothing here lets IAM users sign in with a password.
- Reports of last accesses are complete at once, and kept in memory (the newest 256). They count the calls in the audit
  log: reads and writes of objects only if the plane records data events. Services are those that the policies name, and the
  plane's own; actions are named as in the audit log.
- The simulators know no list of AWS's actions: they take any, and name the resource of a result over several resources `+"`*`"+`, not by
  the ARN template of the action. One result stands for an action and has the strictest of its resources' decisions; each resource has its
  own in `+"`ResourceSpecificResults`"+`. `+"`SourcePolicyType`"+` is `+"`IAM Policy`"+` or `+"`Resource Policy`"+`, as AWS answers it, whatever the model's enumeration says.
  `+"`EvalDecisionDetails`"+` has these as keys across accounts, is empty for resources of the same account, and missing for `+"`*`"+` and where a service
  control policy (`+"`OrderedOrganizationPolicyInputList`"+`) does not allow. A statement begins where the one before it ends, as AWS counts it.

## Served

`, len(served), len(iamapi.Model.Operations), iamapi.Model.Version, len(awspolicies.All()))
	for _, name := range served {
		fmt.Fprintf(&b, "- %s\n", name)
	}
	b.WriteString("\n## Not served\n\n")
	for _, name := range iamapi.Model.Operations {
		if !s.Has(name) {
			fmt.Fprintf(&b, "- %s\n", name)
		}
	}
	b.WriteString("\n## AWS managed policies\n\n")
	for _, p := range awspolicies.All() {
		fmt.Fprintf(&b, "- %s\n", p.ARN())
	}
	path := filepath.Join("..", "..", "..", "docs", "iam.md")
	if *write {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(old) != b.String() {
		t.Error("docs/iam.md is not what the code serves: go test ./internal/plane/iam -run TestDocs -write")
	}
}
