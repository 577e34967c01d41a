// Package peers tests rolecall with programs that we did not write: the AWS CLI, boto3, the JavaScript SDK,
// aws-sdk-go-v2, Terraform, restic and rclone find a role by their own chain at the agent, read what it may
// read and are refused what it may not. It also has the bad days: programs killed, an upstream that is gone,
// wrong permissions, malformed requests.
//
// It needs the tools that scripts/setup installs, so it is behind the build tag peers:
//
//	scripts/test peers
package peers
