package sdk

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const (
	relativeURI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	fullURI     = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	tokenFile   = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" //nolint:gosec // a variable's name
	tokenVar    = "AWS_CONTAINER_AUTHORIZATION_TOKEN"      //nolint:gosec // a variable's name
)

// container is the endpoint that a variable names.
func (w *walk) container() result {
	for _, kind := range w.m.Container.Order {
		name := relativeURI
		if kind == "full" {
			name = fullURI
		}
		v, set := w.s.Env[name]
		if !set || v == "" && w.m.Container.Blank == "unset" {
			continue
		}
		if v == "" && w.m.Container.Blank == "set-fails" {
			return graded(w.m.Container.Failure, FromContainer, name+" is blank")
		}
		if kind == "full" {
			r := w.containerFull(v)
			if rule := w.m.Container.FailureElsewhere; rule != "" && r.err != nil && w.elsewhere(v) {
				return graded(rule, FromContainer, r.err.Error())
			}
			return r
		}
		return w.containerRelative(v)
	}
	return absent()
}

// elsewhere reports whether the URI's host is allowed, and not this machine by a name.
func (w *walk) elsewhere(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && hostAllowed(u.Hostname(), w.m.Container.HTTPHosts) && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1"
}

func (w *walk) containerRelative(uri string) result {
	if uri != "" && uri[0] != '/' {
		switch w.m.Container.RelativeWithoutSlash {
		case "add":
			uri = "/" + uri
		case "ok":
			return w.asked(yields(FromContainer, "AKECS-169.254.170.2"+strings.ReplaceAll(uri, "/", ".")), true)
		default:
			return graded(w.m.Container.Failure, FromContainer, "the relative URI has no slash")
		}
	}
	if uri == "" {
		uri = "/"
	}
	return w.asked(yields(FromContainer, "AKECS-169.254.170.2"+strings.ReplaceAll(uri, "/", ".")), true)
}

func (w *walk) containerFull(uri string) result {
	u, err := url.Parse(uri)
	if err != nil {
		return fails(FromContainer, "the URI is no URL")
	}
	host := u.Hostname()
	hosts := w.m.Container.HTTPHosts
	if w.s.Env[tokenFile] != "" {
		if more := w.m.Container.HTTPHostsWithTokenFile; len(more) > 0 {
			hosts = more
		}
	}
	if u.Scheme == "http" && !hostAllowed(host, hosts) {
		return graded(w.m.Container.BadHost, FromContainer, "the URI's host is not allowed")
	}
	name := host
	if w.s.Real {
		return w.asked(w.called(FromContainer, "", "container credentials"), false)
	}
	if loopback(host) {
		name = "full"
		if !strings.HasPrefix(u.Path, "/container/") {
			return graded(w.m.Container.Failure, FromContainer, "the endpoint answers 404")
		}
	} else if host == "169.254.169.254" && w.s.IMDS != nil && u.Path == "/latest/meta-data/iam/security-credentials/imdsrole" {
		return yields(FromContainer, "AKIMDS") // the metadata service answers a version 1 request
	} else if !strings.HasPrefix(host, "169.254.170.") {
		return graded(w.m.Container.Failure, FromContainer, "the endpoint does not answer")
	}
	return w.asked(yields(FromContainer, "AKECS-"+name+strings.ReplaceAll(u.Path, "/", ".")), false)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func hostAllowed(host string, hosts []string) bool {
	for _, h := range hosts {
		if h == "*" || strings.Trim(h, "[]") == host || h == "loopback" && loopback(host) {
			return true
		}
	}
	return false
}

// asked is what the endpoint gives: the rules for the token first, then its answer.
func (w *walk) asked(good result, relative bool) result {
	if r := w.containerToken(relative); r.err != nil {
		return r
	}
	c := w.s.Container
	if w.s.Real {
		return w.called(FromContainer, "", "container credentials")
	}
	if c == nil {
		return graded(w.m.Container.Failure, FromContainer, "the endpoint does not answer")
	}
	if c.Status != 0 && c.Status != 200 {
		return graded(w.m.Container.Failure, FromContainer, "the endpoint fails")
	}
	for _, field := range c.Omit {
		if slices.Contains(w.m.Container.Requires, field) {
			return fails(FromContainer, "the endpoint's answer has no "+field)
		}
	}
	return good
}

// containerToken is the verdict on the token that goes with the request.
func (w *walk) containerToken(relative bool) result {
	rules := &w.m.Container
	file, text := w.s.Env[tokenFile], w.s.Env[tokenVar]
	switch {
	case relative && rules.TokenOnRelative == "variable-only":
		file = ""
	case relative && rules.TokenOnRelative == "with-file" && file == "":
		return absent()
	}
	if file == "" || text != "" && rules.TokenPrecedence == "env" {
		if strings.ContainsAny(text, "\r\n") {
			return graded(rules.TokenNewline, FromContainer, "the token has a line break")
		}
		return absent()
	}
	text, ok := w.read(file)
	if !ok {
		return graded(rules.TokenFileMissing, FromContainer, "the token file is missing")
	}
	if strings.ContainsAny(text, "\r\n") && rules.TokenFileNewline != "strip" && rules.TokenFileNewline != "retry-without-token" {
		return graded(rules.TokenFileNewline, FromContainer, "the token file has a line break")
	}
	return absent()
}
