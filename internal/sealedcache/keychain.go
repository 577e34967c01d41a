package sealedcache

import (
	"errors"
	"runtime"

	"github.com/zalando/go-keyring"
)

const (
	keychainService = "rolecall"
	keychainUser    = "session cache key"
)

// SystemKeychain returns the operating system's keychain, nil where there cannot be one. On Linux that
// is a desktop session's Secret Service; without the bus's address the library would start a
// bus of its own.
func SystemKeychain(getenv func(string) string) Keychain {
	switch runtime.GOOS {
	case "darwin", "windows":
		return osKeychain{}
	case "linux", "freebsd", "openbsd", "netbsd", "dragonfly":
		if getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
			return osKeychain{}
		}
	}
	return nil
}

type osKeychain struct{}

func (osKeychain) Get() (string, bool, error) {
	secret, err := keyring.Get(keychainService, keychainUser)
	if errors.Is(err, keyring.ErrNotFound) {
		return "", false, nil
	}
	return secret, err == nil, err
}

func (osKeychain) Set(secret string) error { return keyring.Set(keychainService, keychainUser, secret) }
