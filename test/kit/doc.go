// Package kit builds rolecall's programs and runs them as processes, for tests and benchmarks that
// look at them from outside: the plane on a port of its own, an account in it provisioned through the
// IAM and S3 APIs, and an agent.
package kit
