package audit

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

const (
	eventVersion = "1.11"
	hidden       = "HIDDEN_DUE_TO_SECURITY_REASONS"
	// CloudTrail cuts fields at 1 kB, and requestParameters and responseElements at 100 kB.
	maxText   = 1 << 10
	maxObject = 100 << 10
)

// appendEvent encodes all of e but the chain and the closing brace.
func appendEvent(b []byte, e *Event) []byte {
	b = append(b, `{"eventVersion":"`+eventVersion+`","userIdentity":`...)
	b = appendIdentity(b, e)
	b = append(b, `,"eventTime":"`...)
	b = appendTime(b, e.Time)
	b = appendMember(append(b, '"'), "eventSource", e.Source)
	b = appendMember(b, "eventName", e.Name)
	b = appendMember(b, "awsRegion", e.Region)
	b = appendMember(b, "sourceIPAddress", e.SourceIP)
	b = appendMember(b, "userAgent", e.UserAgent)
	if e.ErrorCode != "" {
		b = appendMember(b, "errorCode", e.ErrorCode)
		b = appendMember(b, "errorMessage", e.ErrorMessage)
	}
	b = appendParameters(append(b, `,"requestParameters":`...), e.Request, e.RequestJSON)
	b = appendParameters(append(b, `,"responseElements":`...), e.Response, e.ResponseJSON)
	if len(e.Additional) > 0 {
		b = appendFields(append(b, `,"additionalEventData":`...), e.Additional)
	}
	b = appendMember(b, "requestID", e.RequestID)
	b = append(b, `,"eventID":"`...)
	b = appendUUID(b)
	b = append(b, `","readOnly":`...)
	b = strconv.AppendBool(b, e.ReadOnly)
	if len(e.Resources) > 0 {
		b = appendResources(b, e.Resources)
	}
	kind, category := "AwsApiCall", "Management"
	if e.ServiceEvent {
		kind = "AwsServiceEvent"
	}
	if e.Data {
		category = "Data"
	}
	b = append(b, `,"eventType":"`+kind+`","managementEvent":`...)
	b = strconv.AppendBool(b, !e.Data)
	recipient := e.Recipient
	if recipient == "" && e.Principal != nil {
		recipient = e.Principal.Account
	}
	b = appendMember(b, "recipientAccountId", string(recipient))
	return append(b, `,"eventCategory":"`+category+`"`...)
}

func appendResources(b []byte, resources []Resource) []byte {
	b = append(b, `,"resources":[`...)
	for i, r := range resources {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"ARN":`...)
		b = appendText(b, r.ARN)
		if r.Account != "" {
			b = appendMember(b, "accountId", string(r.Account))
		}
		if r.Type != "" {
			b = appendMember(b, "type", r.Type)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendIdentity encodes userIdentity.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
func appendIdentity(b []byte, e *Event) []byte {
	p := e.Principal
	if p == nil {
		switch {
		case e.ServiceEvent:
			return append(b, `{"type":"AWSService","invokedBy":"rolecall"}`...)
		case e.AccessKeyID != "":
			b = appendMember(append(b, `{"type":"Unknown"`...), "accessKeyId", e.AccessKeyID)
			return append(b, '}')
		}
		return append(b, `{"type":"Unknown"}`...)
	}
	switch p.Kind {
	case identity.Anonymous:
		return append(b, `{"type":"AWSAccount","principalId":"","accountId":"anonymous"}`...)
	case identity.Service:
		b = appendMember(append(b, `{"type":"AWSService"`...), "invokedBy", p.EntityName)
		return append(b, '}')
	case identity.WebIdentityUser:
		return appendOutside(append(b, `{"type":"WebIdentityUser"`...), p, p.EntityARN)
	case identity.SAMLUser:
		// A SAML subject is unique below a hash of issuer and provider.
		qualifier := strings.TrimSuffix(p.UserID, ":"+p.EntityName)
		return appendOutside(append(b, `{"type":"SAMLUser"`...), p, qualifier)
	case identity.Root:
		b = append(b, `{"type":"Root"`...)
	case identity.User:
		b = append(b, `{"type":"IAMUser"`...)
	case identity.AssumedRole:
		b = append(b, `{"type":"AssumedRole"`...)
	case identity.FederatedUser:
		b = append(b, `{"type":"FederatedUser"`...)
	}
	b = appendMember(b, "principalId", p.UserID)
	b = appendMember(b, "arn", p.ARN)
	b = appendMember(b, "accountId", string(p.Account))
	b = appendMember(b, "accessKeyId", p.AccessKeyID)
	if p.Kind == identity.User {
		b = appendMember(b, "userName", p.EntityName)
	}
	if p.Session != nil {
		b = appendSession(b, p, e.IssuerARN)
	}
	return append(b, '}')
}

// appendOutside is the rest of userIdentity of somebody whom an outside provider vouches for.
func appendOutside(b []byte, p *identity.Principal, provider string) []byte {
	b = appendMember(b, "principalId", p.UserID)
	b = appendMember(b, "userName", p.EntityName)
	b = appendMember(b, "identityProvider", provider)
	return append(b, '}')
}

func appendSession(b []byte, p *identity.Principal, issuerARN string) []byte {
	s := p.Session
	b = append(b, `,"sessionContext":{`...)
	if p.Kind == identity.AssumedRole || p.Kind == identity.FederatedUser {
		kind := "IAMUser"
		arn := func() string { return identity.UserARN(p.Account, "/", p.EntityName) }
		switch {
		case p.Kind == identity.AssumedRole:
			kind = "Role"
			arn = func() string { return identity.RoleARN(p.Account, "/", p.EntityName) }
		case p.EntityID == "":
			kind = "Root"
			arn = func() string { return identity.RootARN(p.Account) }
		}
		if issuerARN == "" {
			issuerARN = arn()
		}
		b = append(b, `"sessionIssuer":{"type":"`+kind+`"`...)
		b = appendMember(b, "principalId", p.EntityID)
		b = appendMember(b, "arn", issuerARN)
		b = appendMember(b, "accountId", string(p.Account))
		if p.EntityName != "" {
			b = appendMember(b, "userName", p.EntityName)
		}
		b = append(b, `},`...)
		if s.Federation != "" {
			b = append(b, `"webIdFederationData":{"federatedProvider":`...)
			b = append(appendText(b, s.Federation), `},`...)
		}
	}
	b = append(b, `"attributes":{"creationDate":"`...)
	b = appendTime(b, s.IssuedAt)
	b = append(b, `","mfaAuthenticated":"`...)
	b = strconv.AppendBool(b, !s.MFAAt.IsZero())
	b = append(b, `"}`...)
	if s.SourceIdentity != "" {
		b = appendMember(b, "sourceIdentity", s.SourceIdentity)
	}
	return append(b, '}')
}

func appendParameters(b []byte, fields Fields, raw []byte) []byte {
	switch {
	case len(raw) > maxObject:
		return append(b, `{"omitted":true,"reason":"larger than 100 kB"}`...)
	case len(raw) > 0:
		return appendHiding(b, raw)
	case len(fields) == 0:
		return append(b, "null"...)
	}
	start := len(b)
	if b = appendFields(b, fields); len(b)-start > maxObject {
		b = append(b[:start], `{"omitted":true,"reason":"larger than 100 kB"}`...)
	}
	return b
}

func appendFields(b []byte, fields Fields) []byte {
	b = append(b, '{')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, f.Name), ':')
		if secretName(f.Name) && f.Value != nil {
			b = append(b, `"`+hidden+`"`...)
			continue
		}
		b = appendValue(b, f.Value)
	}
	return append(b, '}')
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return appendText(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case time.Time:
		return append(appendTime(append(b, '"'), v), '"')
	case rolecall.Secret:
		return append(b, `"`+hidden+`"`...)
	case Fields:
		return appendFields(b, v)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, s)
		}
		return append(b, ']')
	case []Fields:
		b = append(b, '[')
		for i, f := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendFields(b, f)
		}
		return append(b, ']')
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return appendText(b, "not encodable: "+err.Error())
	}
	return appendHiding(b, raw)
}

// secretName says by its name that a member holds a secret.
func secretName(name string) bool {
	if len(name) < len("token") {
		return false
	}
	switch strings.ToLower(name) {
	case "secretaccesskey", "secretkey", "sessiontoken", "password", "newpassword", "oldpassword",
		"tokencode", "authenticationcode1", "authenticationcode2", "base32stringseed", "qrcodepng",
		"privatekey", "clientsecret", "accesstoken", "refreshtoken", "idtoken", "samlassertion",
		"webidentitytoken", "signedtoken", "x-amz-security-token", "x-amz-signature",
		"x-amz-server-side-encryption-customer-key", "ssecustomerkey", "encryptedsecret":
		return true
	}
	return false
}

// appendHiding copies valid JSON on one line, with the strings of members that hold secrets hidden.
func appendHiding(b, raw []byte) []byte {
	hide := false // the next value belongs to such a member
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			end := i + 1
			for end < len(raw) && raw[end] != '"' {
				if raw[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(raw)-1)
			text := raw[i : end+1]
			if hide {
				b = append(b, `"`+hidden+`"`...)
			} else {
				b = append(b, text...)
			}
			i = end
			hide = isMember(raw[end+1:]) && secretName(string(text[1:max(1, len(text)-1)]))
		case c <= ' ': // space between tokens
		case c == ':':
			b = append(b, c)
		default:
			if c == ',' || c == '}' || c == ']' {
				hide = false
			}
			b = append(b, c)
		}
	}
	return b
}

// isMember reports whether a colon comes next.
func isMember(rest []byte) bool {
	for _, c := range rest {
		if c > ' ' {
			return c == ':'
		}
	}
	return false
}

// appendMember appends `,"name":"text"`. name needs no escaping.
func appendMember(b []byte, name, text string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	if len(text) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	return appendText(b, text)
}

// appendText appends a JSON string (RFC 8259). What is no UTF-8 becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, `\ufffd`...)
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// appendTime appends the time as CloudTrail does: UTC, to the second.
func appendTime(b []byte, t time.Time) []byte { return t.UTC().AppendFormat(b, "2006-01-02T15:04:05Z") }

// appendUUID appends a random UUID (RFC 9562, version 4). It names a record; nothing depends on
// nobody guessing it.
func appendUUID(b []byte) []byte {
	var raw [16]byte
	hi, lo := rand.Uint64(), rand.Uint64() //nolint:gosec // a name, not a secret
	for i := range 8 {
		raw[i] = byte(hi >> (8 * i))   //nolint:gosec // cutting is the point
		raw[8+i] = byte(lo >> (8 * i)) //nolint:gosec // cutting is the point
	}
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	for i, part := range [][]byte{raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return b
}
