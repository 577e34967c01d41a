// Package credreport makes credential reports: a CSV line of passwords, keys, MFA and certificates for the root of an
// account and each of its users.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
package credreport

import (
	"bytes"
	"encoding/csv"
	"iter"
	"strconv"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
)

// Directory holds the identities.
type Directory interface {
	Snapshot() *directory.Snapshot
	// LastUsed says when a key was last used.
	LastUsed(id string) (store.Stamp, bool)
}

// Keeper makes reports and keeps the last one of each account. Use NewKeeper; it is safe for concurrent use.
type Keeper struct {
	directory Directory

	mu sync.Mutex
	m  map[identity.AccountID]Report
}

// NewKeeper returns a keeper without reports.
func NewKeeper(d Directory) *Keeper {
	return &Keeper{directory: d, m: map[identity.AccountID]Report{}}
}

// Report is a finished report.
type Report struct {
	// CSV is the text, without a newline at its end.
	CSV  []byte
	Made time.Time
}

// Life is how long a report is good: asking again within it makes no new one.
const Life = 4 * time.Hour

// Good reports whether the report may still be shown.
func (r Report) Good(now time.Time) bool { return now.Sub(r.Made) < Life }

// Get returns the last report of an account, also one that is not good any more.
func (k *Keeper) Get(id identity.AccountID) (Report, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, ok := k.m[id]
	return found, ok
}

// Generate makes a report unless there is a good one, and reports whether it did.
func (k *Keeper) Generate(id identity.AccountID, now time.Time) (made bool, err error) {
	if last, ok := k.Get(id); ok && last.Good(now) {
		return false, nil
	}
	text, err := k.report(id)
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.m[id] = Report{text, now.UTC().Truncate(time.Second)}
	return true, nil
}

func (k *Keeper) report(id identity.AccountID) ([]byte, error) {
	s := k.directory.Snapshot()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{
		"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
		"password_next_rotation", "mfa_active",
		"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
		"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
		"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
	}}
	a := s.Account(id)
	created := time.Time{}
	if a != nil {
		created = a.Created
	}
	root := []string{"<root_account>", identity.RootARN(id), csvTime(created), "not_supported", "no_information", "not_supported", "not_supported"}
	rows = append(rows, append(root, k.keyColumns(s, id, "")...))
	for u := range s.Users(id, "", "") {
		row := append([]string{u.Name, u.ARN(), csvTime(u.Created)}, passwordColumns(s, a, u)...)
		rows = append(rows, append(row, k.keyColumns(s, id, u.ID)...))
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func passwordColumns(s *directory.Snapshot, a *identity.Account, u *identity.UserEntity) []string {
	p := s.LoginProfile(u.ID)
	if p == nil {
		return []string{"false", "N/A", "N/A", "N/A"}
	}
	next := "N/A"
	if a != nil && a.PasswordPolicy != nil && a.PasswordPolicy.MaxAgeDays > 0 {
		next = csvTime(p.Changed.AddDate(0, 0, a.PasswordPolicy.MaxAgeDays))
	}
	return []string{"true", "no_information", csvTime(p.Changed), next}
}

// keyColumns are mfa_active and what follows.
func (k *Keeper) keyColumns(s *directory.Snapshot, id identity.AccountID, userID string) []string {
	row := []string{strconv.FormatBool(count(s.MFADevicesOf(id, userID)) > 0)}
	n := 0
	for key := range s.AccessKeys(id, userID) {
		if n++; n > 2 {
			break
		}
		last, ok := k.directory.LastUsed(key.ID)
		row = append(row, strconv.FormatBool(key.Status == identity.StatusActive), csvTime(key.Created))
		if ok {
			row = append(row, csvTime(last.At), orNA(last.Region), orNA(last.Service))
		} else {
			row = append(row, "N/A", "N/A", "N/A")
		}
	}
	for ; n < 2; n++ {
		row = append(row, "false", "N/A", "N/A", "N/A", "N/A")
	}
	n = 0
	if userID != "" {
		for cert := range s.SigningCertificates(userID) {
			if n++; n > 2 {
				break
			}
			row = append(row, strconv.FormatBool(cert.Status == identity.StatusActive), csvTime(cert.Uploaded))
		}
	}
	for ; n < 2; n++ {
		row = append(row, "false", "N/A")
	}
	return row
}

func orNA(s string) string {
	if s == "" {
		return "N/A"
	}
	return s
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return "N/A"
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}

func count[E any](seq iter.Seq[E]) int {
	n := 0
	for range seq {
		n++
	}
	return n
}
