// Package policy is the IAM policy language: it parses and validates documents, compiles them, decides
// requests in AWS's evaluation order, and explains its decisions.
//
// It is pure: no I/O, no clock, no state. The standard library is its only dependency. A [Policy] is
// immutable and may be shared by any number of goroutines.
//
// The ways through:
//
//   - put time: [Parse] refuses, with AWS's wording, what AWS refuses;
//   - change time: [Compile] makes a [Policy] of a [Document], [NewSet] merges several into one;
//   - request time: [Evaluate] answers a [Request] against [Policies] without allocating;
//   - afterwards: [Explain] answers the same and says why, layer by layer.
//
// What it is not: it does not know which policies apply to whom, it does not find principals, and it
// never reads an HTTP request. Condition keys reach it only through the typed fields of [Request] and
// two key lists, of which the one that services fill from request parameters ([Request.Keys]) can
// never be read under a name outside the namespace of the service that is being asked.
package policy
