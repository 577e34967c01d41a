package iam

import (
	"bytes"
	"context"
	"encoding/csv"
	"strconv"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// reports keeps the last credential report of each account that asked for one.
type reports struct {
	mu sync.Mutex
	m  map[identity.AccountID]report
}

type report struct {
	content []byte
	made    time.Time
}

// reportLife is how long a report is good: asking again within it makes no new one.
const reportLife = 4 * time.Hour

func (r *reports) get(id identity.AccountID) (report, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, ok := r.m[id]
	return found, ok
}

func (r *reports) put(id identity.AccountID, fresh report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m == nil {
		r.m = map[identity.AccountID]report{}
	}
	r.m[id] = fresh
}

func (v *service) generateCredentialReport(ctx context.Context, c *awsapi.Call, _ *iamapi.GenerateCredentialReportInput) (*iamapi.GenerateCredentialReportOutput, error) {
	if err := v.ask(ctx, c, "GenerateCredentialReport", "*"); err != nil {
		return nil, err
	}
	last, ok := v.reports.get(account(c))
	if ok && c.Time.Sub(last.made) < reportLife {
		return &iamapi.GenerateCredentialReportOutput{State: new(iamapi.ReportStateTypeCOMPLETE)}, nil
	}
	content, err := v.credentialReport(account(c))
	if err != nil {
		return nil, err
	}
	v.reports.put(account(c), report{content, seconds(c.Time)})
	return &iamapi.GenerateCredentialReportOutput{
		State:       new(iamapi.ReportStateTypeSTARTED),
		Description: new("No report exists. Starting a new report generation task"),
	}, nil
}

func (v *service) getCredentialReport(ctx context.Context, c *awsapi.Call, _ *iamapi.GetCredentialReportInput) (*iamapi.GetCredentialReportOutput, error) {
	if err := v.ask(ctx, c, "GetCredentialReport", "*"); err != nil {
		return nil, err
	}
	last, ok := v.reports.get(account(c))
	switch {
	case !ok:
		return nil, iamapi.ErrCredentialReportNotPresent("")
	case c.Time.Sub(last.made) >= reportLife:
		return nil, iamapi.ErrCredentialReportExpired("The report has expired. Use GenerateCredentialReport to generate a new one.")
	}
	return &iamapi.GetCredentialReportOutput{
		Content: last.content, ReportFormat: new(iamapi.ReportFormatTypeTextCsv), GeneratedTime: &last.made,
	}, nil
}

// credentialReport is one line for root and each user.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
func (v *service) credentialReport(id identity.AccountID) ([]byte, error) {
	s := v.directory.Snapshot()
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
	rows = append(rows, append(root, v.keyColumns(s, id, "")...))
	for u := range s.Users(id, "", "") {
		row := append([]string{u.Name, u.ARN(), csvTime(u.Created)}, passwordColumns(s, a, u)...)
		rows = append(rows, append(row, v.keyColumns(s, id, u.ID)...))
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
func (v *service) keyColumns(s *directory.Snapshot, id identity.AccountID, userID string) []string {
	row := []string{strconv.FormatBool(count(s.MFADevicesOf(id, userID)) > 0)}
	n := 0
	for k := range s.AccessKeys(id, userID) {
		if n++; n > 2 {
			break
		}
		last, ok := v.directory.LastUsed(k.ID)
		row = append(row, strconv.FormatBool(k.Status == identity.StatusActive), csvTime(k.Created))
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
