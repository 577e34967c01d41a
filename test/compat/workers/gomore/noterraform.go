//go:build !terraform

package main

// terraform is left out, as it takes longer to compile than all the rest and does as the SDK for Go v2 does.
func terraform(string) answer { fatal("built without the tag terraform"); return answer{} }
