-- +goose Up

-- One row for all: the revision that was committed last, and up to which revision the change log
-- has been pruned.
CREATE TABLE meta (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    pruned   INTEGER NOT NULL
);
INSERT INTO meta (one, revision, pruned) VALUES (1, 0, 0);

CREATE TABLE changes (
    revision INTEGER NOT NULL,
    tbl      TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    PRIMARY KEY (revision, tbl, id)
) WITHOUT ROWID;

-- When keys, roles and users were last used: seconds since 1970.
CREATE TABLE last_used (
    id      TEXT PRIMARY KEY,
    at      INTEGER NOT NULL,
    service TEXT    NOT NULL,
    region  TEXT    NOT NULL
) WITHOUT ROWID;

-- The entities. body is JSON without secrets; sealed is the entity's secret under the master key.

CREATE TABLE accounts (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX accounts_name ON accounts (account, name) WHERE name <> '';

CREATE TABLE users (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX users_name ON users (account, name) WHERE name <> '';

CREATE TABLE groups (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX groups_name ON groups (account, name) WHERE name <> '';

CREATE TABLE roles (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX roles_name ON roles (account, name) WHERE name <> '';

CREATE TABLE managed_policies (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX managed_policies_name ON managed_policies (account, name) WHERE name <> '';

CREATE TABLE instance_profiles (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX instance_profiles_name ON instance_profiles (account, name) WHERE name <> '';

CREATE TABLE access_keys (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX access_keys_name ON access_keys (account, name) WHERE name <> '';

CREATE TABLE mfa_devices (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX mfa_devices_name ON mfa_devices (account, name) WHERE name <> '';

CREATE TABLE login_profiles (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX login_profiles_name ON login_profiles (account, name) WHERE name <> '';

CREATE TABLE oidc_providers (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX oidc_providers_name ON oidc_providers (account, name) WHERE name <> '';

CREATE TABLE saml_providers (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX saml_providers_name ON saml_providers (account, name) WHERE name <> '';

CREATE TABLE server_certificates (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX server_certificates_name ON server_certificates (account, name) WHERE name <> '';

CREATE TABLE signing_certificates (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX signing_certificates_name ON signing_certificates (account, name) WHERE name <> '';

CREATE TABLE buckets (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX buckets_name ON buckets (account, name) WHERE name <> '';

CREATE TABLE denied_sessions (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX denied_sessions_name ON denied_sessions (account, name) WHERE name <> '';

CREATE TABLE ring_keys (id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, sealed BLOB);
CREATE UNIQUE INDEX ring_keys_name ON ring_keys (account, name) WHERE name <> '';

-- Lets a start see at once that nothing is to be migrated.
PRAGMA user_version = 1;
