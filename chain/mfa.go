package chain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

// mfaSerialVariable tells an mfa_process which device's code is wanted.
const mfaSerialVariable = "ROLECALL_MFA_SERIAL"

// maxCode bounds what an mfa_process prints: codes have six digits.
const maxCode = 1 << 10

// devices are the profile's second factors, the usual one first: mfa_serial, and for people who have several
// mfa_devices ("arn,arn"), which only rolecall knows.
func devices(p *awsconfig.Profile) ([]string, error) {
	var found []string
	for _, key := range []string{"mfa_serial", "mfa_devices"} {
		s, ok := p.Get(key)
		if !ok || s.Value == "" {
			continue
		}
		serials := []string{s.Value}
		if key == "mfa_devices" {
			serials = list(s.Value)
		}
		for _, serial := range serials {
			if strings.HasPrefix(serial, "arn:") && strings.Contains(serial, ":u2f/") {
				return nil, fault(s.Where(), "%s of profile %q names the security key %s: STS takes codes of virtual and hardware devices only", key, p.Name, serial)
			}
			if !slices.Contains(found, serial) {
				found = append(found, serial)
			}
		}
	}
	return found, nil
}

// tokenCode asks the profile's mfa_process, if it has one, else the person.
func (c *Chain) tokenCode(p *awsconfig.Profile) func(ctx context.Context, serial string) (string, error) {
	s, ok := p.Get("mfa_process")
	if !ok || s.Value == "" {
		return c.o.TokenCode
	}
	return func(ctx context.Context, serial string) (string, error) {
		out, err := c.command(p, s, maxCode, []string{mfaSerialVariable + "=" + serial}).Output(ctx)
		if err != nil {
			return "", fmt.Errorf("%s: mfa_process of profile %q %w", s.Where(), p.Name, err)
		}
		code := strings.TrimSpace(string(out))
		// STS takes six digits: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
		if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
			return "", fmt.Errorf("%s: mfa_process of profile %q printed what is no code of six digits", s.Where(), p.Name)
		}
		return code, nil
	}
}

// chooseDevice asks the person for one of several devices; an mfa_process is asked for the usual one.
func (c *Chain) chooseDevice(p *awsconfig.Profile) func(ctx context.Context, serials []string) (string, error) {
	if p.Value("mfa_process") != "" {
		return nil
	}
	return c.o.Device
}
