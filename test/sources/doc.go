// Package sources holds the tests of the chain's sources against the plane: what a profile says reaches
// a trust policy that demands it.
package sources
