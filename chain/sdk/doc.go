// Package sdk predicts what each AWS SDK makes of a situation: which credentials it takes, or that it
// fails. It makes no calls and runs no commands: a situation says what those would answer.
//
//   - The SDKs are data: models.json, whose form is [Model] with the rules of rules.go.
//   - A [Situation] is what they are put in: environment, files, endpoints.
//   - One simulator walks them all (simulate.go): it chooses the profile (profile.go), reads the files (files.go) in the
//     SDK's dialect (ini.go), and asks the stages of the chain in turn. Each kind of source has its file: static.go,
//     webidentity.go, sso.go, process.go, container.go, imds.go.
//   - Roles are resolved in one of two ways: as one of the kinds of a profile (roles.go), or wrapped around
//     whatever else the profile has (wrap.go).
//   - What a step comes to, and how hard its failure is, is a result (result.go), which becomes an [Outcome].
//
// Tokens, durations, regions sent, error texts, refreshing and caches are not part of the prediction.
package sdk
