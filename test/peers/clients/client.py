"""boto3 as a client that knows nothing of rolecall: its default chain and one call.

    client.py whoami | get BUCKET KEY | put BUCKET KEY TEXT | list BUCKET PREFIX

Prints the answer; on an error of the service prints its code on standard error and ends with 1.
"""

import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def main(verb, *args):
    if verb == "whoami":
        return boto3.client("sts").get_caller_identity()["Arn"]
    s3 = boto3.client("s3")
    if verb == "get":
        return s3.get_object(Bucket=args[0], Key=args[1])["Body"].read().decode()
    if verb == "put":
        return s3.put_object(Bucket=args[0], Key=args[1], Body=args[2].encode())["ETag"]
    if verb == "list":
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=args[0], Prefix=args[1])
        return "\n".join(o["Key"] for page in pages for o in page.get("Contents", []))
    raise SystemExit(f"unknown verb {verb}")


try:
    print(main(*sys.argv[1:]))
except ClientError as e:
    print(e.response["Error"]["Code"], file=sys.stderr)
    sys.exit(1)
except BotoCoreError as e:
    print(f"{type(e).__name__}: {e}", file=sys.stderr)
    sys.exit(2)
