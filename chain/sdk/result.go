package sdk

import (
	"errors"
	"slices"
)

// Kinds of sources, as an [Outcome] names them.
const (
	FromEnv       = "env"
	FromStatic    = "static"
	FromProcess   = "process"
	FromSSO       = "sso"
	FromLogin     = "login"
	FromWebID     = "webid"
	FromContainer = "container"
	FromIMDS      = "imds"
	// Trouble that no source of credentials is to blame for.
	inRole    = "role"
	inProfile = "profile"
	inFiles   = "files"
)

// Kinds of outcome.
const (
	OK    = "ok"
	Fails = "error"
	None  = "none"
)

// Outcome is what an SDK makes of a situation.
type Outcome struct {
	// Kind is OK, Fails or None. None is what the SDK reports as having found no credentials, Fails all else that goes wrong.
	Kind string
	// Source is the kind of source that the credentials come from, before any role is assumed: env, static, process, sso, login,
	// webid, container or imds. If there are none it is the kind that failed, or role, profile or files; "" if nothing was there.
	Source string
	// AccessKeyID is the key that the program gets, where that is known without a call; else "".
	AccessKeyID string
	// Base is what the credentials start from: the access key id, or a description where it is not known.
	Base string
	// Roles are the names of the roles assumed on the way, the last one first.
	Roles []string
	// Reason says why there are none.
	Reason string
}

// result is what a step or a stage came to: credentials, a failure, or neither, when it does not apply.
type result struct {
	ok bool
	// source, base, known and roles are those of the Outcome; known tells that base is a key's id.
	source, base string
	known        bool
	roles        []string

	err error
	// class is how the model's stages name the failure; final ones end the chain whatever the stage says; unsaid ones end it
	// as "no credentials".
	class  string
	final  bool
	unsaid bool
}

func (r result) applies() bool { return r.ok || r.err != nil }

func absent() result { return result{} }

// yields is a key that is known.
func yields(source, id string) result {
	return result{ok: true, source: source, base: id, known: true}
}

// called is what a call yields: in a recorded situation that key, on a real machine what goes by the description.
func (w *walk) called(source, recorded, description string) result {
	if w.s.Real {
		return result{ok: true, source: source, base: description}
	}
	return yields(source, recorded)
}

func fails(source, why string) result {
	return result{source: source, class: source, err: errors.New(why)}
}

// graded makes a failure as hard as the rule says.
func graded(rule, source, why string) result {
	switch rule {
	case "absent":
		return absent()
	case "error-final", "crash":
		return fails(source, why).finally()
	case "unsaid":
		r := fails(source, why)
		r.unsaid = true
		return r
	}
	return fails(source, why)
}

func (r result) finally() result { r.final = true; return r }

// classed names the failure otherwise than by its source.
func (r result) classed(class string) result { r.class = class; return r }

// assuming is the session of a role that is assumed with r.
func (r result) assuming(role string) result {
	r.roles, r.known = append([]string{role}, r.roles...), false
	return r
}

func (r result) outcome() Outcome {
	if !r.ok {
		kind := Fails
		if r.unsaid {
			kind = None
		}
		return Outcome{Kind: kind, Source: r.source, Reason: r.err.Error()}
	}
	o := Outcome{Kind: OK, Source: r.source, Base: r.base, Roles: slices.Clone(r.roles)}
	if r.known {
		o.AccessKeyID = r.base
	}
	return o
}
