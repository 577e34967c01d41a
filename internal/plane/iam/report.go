package iam

import (
	"context"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

func (v *service) generateCredentialReport(ctx context.Context, c *awsapi.Call, _ *iamapi.GenerateCredentialReportInput) (*iamapi.GenerateCredentialReportOutput, error) {
	if err := v.ask(ctx, c, "GenerateCredentialReport", "*"); err != nil {
		return nil, err
	}
	made, err := v.reports.Generate(account(c), c.Time)
	if err != nil {
		return nil, err
	}
	if !made {
		return &iamapi.GenerateCredentialReportOutput{State: new(iamapi.ReportStateTypeCOMPLETE)}, nil
	}
	return &iamapi.GenerateCredentialReportOutput{
		State:       new(iamapi.ReportStateTypeSTARTED),
		Description: new("No report exists. Starting a new report generation task"),
	}, nil
}

func (v *service) getCredentialReport(ctx context.Context, c *awsapi.Call, _ *iamapi.GetCredentialReportInput) (*iamapi.GetCredentialReportOutput, error) {
	if err := v.ask(ctx, c, "GetCredentialReport", "*"); err != nil {
		return nil, err
	}
	last, ok := v.reports.Get(account(c))
	switch {
	case !ok:
		return nil, iamapi.ErrCredentialReportNotPresent("")
	case !last.Good(c.Time):
		return nil, iamapi.ErrCredentialReportExpired("The report has expired. Use GenerateCredentialReport to generate a new one.")
	}
	return &iamapi.GetCredentialReportOutput{
		Content: last.CSV, ReportFormat: new(iamapi.ReportFormatTypeTextCsv), GeneratedTime: &last.Made,
	}, nil
}
