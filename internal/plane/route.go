package plane

import (
	"net/http"
	"strings"
)

// target is where a request goes: to a service, to the S3 front (both fields empty), or nowhere.
type target struct {
	service *Service
	unknown string
}

// route finds the service by the credential scope, which every signed request has; unsigned requests
// are told apart by their shape. The scope is not proven yet: authn holds the service against it.
func (p *Plane) route(r *http.Request) target {
	if name := scopeService(r); name != "" {
		return p.byName(name)
	}
	if header := r.Header.Get("X-Amz-Target"); header != "" {
		for _, s := range p.services {
			if prefix := s.API.Model().TargetPrefix; prefix != "" && strings.HasPrefix(header, prefix+".") {
				return target{service: s}
			}
		}
		return target{unknown: header}
	}
	if r.URL.Path != "/" || (r.Method != http.MethodPost && r.Method != http.MethodGet) {
		return target{}
	}
	query := r.URL.RawQuery
	form := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	if !form && !strings.Contains(query, "Action=") {
		return target{}
	}
	for version, s := range p.versions {
		if strings.Contains(query, "Version="+version) {
			return target{service: s}
		}
	}
	// The version may be in a form body, which is not read yet. Unsigned calls are STS's.
	return p.byName("sts")
}

func (p *Plane) byName(name string) target {
	if name == "s3" {
		return target{}
	}
	if s := p.services[name]; s != nil {
		return target{service: s}
	}
	return target{unknown: name}
}

// scopeService reads the service out of the credential scope, key/date/region/SERVICE/aws4_request,
// of the Authorization header or the query string; "" if there is none.
func scopeService(r *http.Request) string {
	header := r.Header.Get("Authorization")
	if _, scope, ok := strings.Cut(header, "Credential="); ok && strings.HasPrefix(header, "AWS4-") {
		scope, _, _ = strings.Cut(scope, ",")
		return fromScope(strings.TrimSpace(scope), "/")
	}
	if _, scope, ok := strings.Cut(r.URL.RawQuery, "X-Amz-Credential="); ok {
		scope, _, _ = strings.Cut(scope, "&")
		if strings.Contains(scope, "%2F") || strings.Contains(scope, "%2f") {
			return fromScope(strings.ReplaceAll(scope, "%2f", "%2F"), "%2F")
		}
		return fromScope(scope, "/")
	}
	return ""
}

// fromScope counts from the end, since access key ids may hold anything.
func fromScope(scope, separator string) string {
	parts := strings.Split(scope, separator)
	if len(parts) < 5 {
		return ""
	}
	return parts[len(parts)-2]
}
