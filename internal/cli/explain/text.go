package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/provider/assumerole"
	"github.com/rolecall-dev/rolecall/provider/container"
	"github.com/rolecall-dev/rolecall/provider/env"
	"github.com/rolecall-dev/rolecall/provider/imds"
	"github.com/rolecall-dev/rolecall/provider/login"
	processprovider "github.com/rolecall-dev/rolecall/provider/process"
	"github.com/rolecall-dev/rolecall/provider/profile"
	"github.com/rolecall-dev/rolecall/provider/saml"
	"github.com/rolecall-dev/rolecall/provider/sso"
	"github.com/rolecall-dev/rolecall/provider/webidentity"
)

// words says things about hops, by a clock, with the home folder written as a tilde.
type words struct {
	now  time.Time
	home string
}

// path shortens what lies in the home folder, wherever a text names it.
func (w words) path(text string) string {
	if len(w.home) < 2 {
		return text
	}
	return strings.ReplaceAll(text, strings.TrimSuffix(w.home, "/")+"/", "~/")
}

func (w words) at(location string) string {
	if location == "" {
		return ""
	}
	return " (" + w.path(location) + ")"
}

// hop says what a hop is, in one line.
func (w words) hop(h Hop) string {
	of := ""
	if h.Profile != "" {
		of = " of profile " + h.Profile
	}
	switch h.Source {
	case env.Source:
		return "AWS_ACCESS_KEY_ID: " + w.key(h)
	case profile.Source:
		return "profile " + h.Profile + ": " + w.key(h) + w.at(h.Location)
	case assumerole.Source:
		return "role " + h.Detail + of + w.at(h.Location)
	case webidentity.Source:
		return "role " + h.Detail + of + " for a web identity token" + w.at(h.Location)
	case sso.Source:
		return "SSO " + h.Detail + of + w.at(h.Location)
	case "sso-token":
		return "sign-in at " + h.Detail + ": token " + w.token(h) + w.at(h.Location)
	case "token-file":
		return "token file " + w.path(h.Location) + ": " + w.token(h)
	case saml.Source:
		return "role " + h.Detail + of + " for a SAML assertion" + w.at(h.Location)
	case saml.AssertionSource:
		return "saml_process " + w.path(h.Command) + of + w.at(h.Location)
	case login.Source:
		text := "login session " + h.Detail + of + w.at(h.Location)
		if h.AccessKeyID != "" {
			text += ": " + w.key(h)
		}
		return text
	case login.TokenSource:
		return "token file " + w.path(h.Location)
	case processprovider.Source:
		return "credential_process " + w.path(h.Command) + of + w.at(h.Location)
	case container.Source:
		return "container endpoint " + h.Detail + w.at(h.Location)
	case imds.Source:
		text := "instance metadata service at " + h.Location
		if h.Detail != "" {
			text += w.at(h.Detail)
		}
		return text
	}
	return strings.TrimSpace(h.Source+" "+h.Detail) + w.at(h.Location)
}

// key says what kind of key it is and whose.
func (w words) key(h Hop) string {
	text := h.AccessKeyID + ", " + h.KeyType
	if h.Account != "" {
		text += ", account " + h.Account
	}
	if h.KeyType == temporary {
		text += ", " + w.token(h)
	}
	return text
}

// token says how long something lives.
func (w words) token(h Hop) string {
	switch {
	case h.Fault != "" && h.step.Expires.IsZero():
		return "none that can be used"
	case h.step.Expires.IsZero():
		return "until when is not known"
	case !w.now.Before(h.step.Expires) && h.Renews:
		return "renewed when it is used (ended " + moment(h.step.Expires) + ")"
	case !w.now.Before(h.step.Expires):
		return "ended " + moment(h.step.Expires) + " (" + span(w.now.Sub(h.step.Expires)) + " ago)"
	}
	text := "until " + moment(h.step.Expires) + " (" + span(h.step.Expires.Sub(w.now)) + " left)"
	if h.Renews {
		text += ", then renewed"
	}
	return text
}

// more are the lines under a hop of the winner.
func (w words) more(h Hop) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if k := h.Kept; k != nil {
		left := span(h.step.Kept.Expires.Sub(w.now))
		if k.Fresh {
			say("session %s in the cache has %s left: nothing after this is asked%s", k.AccessKeyID, left, w.at(k.Location))
		} else {
			say("session %s in the cache has only %s left: a new one is asked for%s", k.AccessKeyID, left, w.at(k.Location))
		}
	}
	if h.DurationSeconds > 0 {
		say("%s", w.duration(h))
	}
	if m := strings.Join(h.step.MFA, " or "); m != "" {
		if h.step.MFACommand {
			say("mfa_process gives the code of %s", m)
		} else {
			say("asks you for a code of %s", m)
		}
	}
	if h.KeyType == longLived {
		say("%s", w.since(h))
	}
	if h.ExpiresFrom != "" && (h.Source == profile.Source || h.Source == env.Source) && h.KeyType == temporary {
		say("its end is what %s says", w.path(h.ExpiresFrom))
	}
	return out
}

func (w words) duration(h Hop) string {
	text := "gives sessions of " + span(h.step.Duration)
	if h.DurationFrom == "" {
		text += ", AWS's default"
	} else {
		text += ", by duration_seconds" + w.at(h.DurationFrom)
	}
	switch {
	case h.step.Chained:
		text += "; " + span(chain.ChainedMax) + " is the most, since a role's session assumes it (role chaining)"
	case h.step.MaybeChained:
		text += "; " + span(chain.ChainedMax) + " is the most if a role's session assumes it (role chaining)"
	}
	return text
}

// since says how old a long-lived key is, as far as the file tells.
func (w words) since(h Hop) string {
	at := h.step.InPlaceSince
	if at.IsZero() {
		return "since when is not known here (--probe asks IAM)"
	}
	old := w.now.Sub(at)
	if old < 24*time.Hour {
		return "since when is not known: the file was changed on " + at.UTC().Format(time.DateOnly) + " (--probe asks IAM)"
	}
	return "in this file unchanged since " + at.UTC().Format(time.DateOnly) + ", so at least " + age(old) + " old"
}

// moment is a time to the minute.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// span is a duration as a person says it, in one or two units.
func span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		if m := int(d.Minutes()) % 60; m > 0 {
			return fmt.Sprintf("%dh%dm", int(d.Hours()), m)
		}
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return age(d)
}

// age is a number of days, months or years, rounded down.
func age(d time.Duration) string {
	days := int(d.Hours() / 24)
	n, unit := days, "day"
	switch {
	case days >= 730:
		n, unit = days/365, "year"
	case days >= 60:
		n, unit = days*12/365, "month"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
