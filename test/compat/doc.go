// Package compat compares the models of the AWS SDKs (package chain/sdk), and rolecall's own chain, with the SDKs themselves, on random
// situations: an environment, the two files, cached tokens, a container endpoint and an instance metadata service.
//
// The SDKs run as long-lived worker processes (folder workers), which read situations as JSON lines and answer each with a JSON
// line. Everything happens in a network namespace of its own, where the endpoints have their real addresses.
//
// The tests have the build tag compat. A difference is shrunk to the few lines that make it, and printed with what reproduces it:
//
//	go test -tags compat ./test/compat -run TestModels -seed 7 -situation 123 -sdk go-v2
package compat
