"""Every operation of IAM and STS by boto3 and by the AWS CLI (inside this process), with valid, invalid and denied input.

    iam_smoke.py boto3|cli < SPEC

SPEC is JSON: cases (see iam_cases.json), vars (texts for its ${names}) and operations (by service, those that the
plane serves). Keys of the account's root and the endpoint come from the environment. Answers are compared with
botocore's model of the service, by the names of the XML elements. Prints JSON: counts and failures.
"""

import base64
import contextlib
import datetime
import hashlib
import hmac
import io
import json
import os
import re
import struct
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, as far as a caller's mistake brings them up.
COMMON = {"AccessDenied", "ValidationError", "SignatureDoesNotMatch", "InvalidClientTokenId"}

# What AWS answers although its model does not list it.
UNLISTED = {"IAM Policy"}  # SourcePolicyType of the simulators

session = botocore.session.get_session()
endpoint = os.environ["AWS_ENDPOINT_URL"]
failures = []
counts = {}


def fail(where, what):
    failures.append(f"{where}: {what}")


def count(what):
    counts[what] = counts.get(what, 0) + 1


# --- The table's inputs


def totp(seed, offset):
    """The code of the time step offset from now (RFC 6238), of a seed in base32."""
    step = int(time.time()) // 30 + offset
    mac = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


def resolve(value, names):
    if isinstance(value, dict):
        return {k: resolve(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [resolve(v, names) for v in value]
    if not isinstance(value, str):
        return value

    def text(found):
        name = found.group(1)
        return totp(names["mfa.seed"], int(name[5:])) if name.startswith("totp:") else names[name]

    return re.sub(r"\$\{([^}]+)\}", text, value)


def lookup(answer, path):
    for name in path.split("."):
        answer = answer[name]
    return answer.decode() if isinstance(answer, bytes) else answer


# --- Inputs that break the model's constraints


def broken(shape, valid):
    """Yields (name, input) for each way to break one constraint of the top level."""
    for name in shape.required_members:
        yield f"without {name}", {k: v for k, v in valid.items() if k != name}
    for name, member in shape.members.items():
        limits = member.metadata
        if member.type_name == "string":
            if member.enum:
                yield f"{name} not of the enumeration", {**valid, name: "NoSuchValue"}
                continue
            if 0 < limits.get("max", 0) < 10000:
                yield f"{name} too long", {**valid, name: "a" * (limits["max"] + 1)}
            if limits.get("min", 0) > 0:
                yield f"{name} empty", {**valid, name: ""}
            if limits.get("pattern") and not matches(limits["pattern"], "\u2603 \u0001"):
                yield f"{name} against its pattern", {**valid, name: "\u2603 \u0001"}
        elif member.type_name == "integer":
            if "min" in limits:
                yield f"{name} too small", {**valid, name: limits["min"] - 1}
            if "max" in limits:
                yield f"{name} too large", {**valid, name: limits["max"] + 1}
        elif member.type_name == "list" and member.member.type_name == "structure" and member.member.required_members:
            yield f"{name} with an empty element", {**valid, name: [{k: "" for k in member.member.members}]}


def matches(pattern, text):
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return True  # a pattern that Python does not know breaks nothing


# --- Answers against the model


def check_answer(where, operation, body):
    """The whole XML answer of a successful call."""
    root = parse(where, body)
    if root is None:
        return
    if root.tag != operation.name + "Response":
        fail(where, f"the document is {root.tag}")
    children = [e.tag for e in root]
    shape = operation.output_shape
    want = ["ResponseMetadata"] if shape is None else [shape.serialization["resultWrapper"], "ResponseMetadata"]
    if children != want:
        fail(where, f"the document holds {children}, not {want}")
        return
    if not root.findtext("ResponseMetadata/RequestId"):
        fail(where, "no request id")
    if shape is not None:
        check(where, shape, root[0])


def parse(where, body):
    text = body.decode()
    namespaces = set(re.findall(r'xmlns="([^"]*)"', text))
    if len(namespaces) != 1:
        fail(where, f"namespaces {namespaces}")
    try:
        return ET.fromstring(re.sub(r' xmlns="[^"]*"', "", text, count=1))
    except ET.ParseError as e:
        fail(where, f"{e} in {text}")
        return None


def check(where, shape, e):
    kind = shape.type_name
    if kind == "structure":
        check_structure(where, shape, e)
    elif kind == "list":
        name = "member" if not shape.member.serialization.get("name") else shape.member.serialization["name"]
        for i, child in enumerate(e):
            if child.tag != name:
                fail(where, f"an element of the list is named {child.tag}")
            check(f"{where}[{i}]", shape.member, child)
    elif kind == "map":
        for child in e:
            if child.tag != "entry" or [c.tag for c in child] != ["key", "value"]:
                fail(where, f"an entry of the map is {child.tag} of {[c.tag for c in child]}")
                continue
            check(f"{where}.key", shape.key, child[0])
            check(f"{where}[{child[0].text}]", shape.value, child[1])
    else:
        check_scalar(where, shape, e)


def check_structure(where, shape, e):
    members = {m.serialization.get("name", name): (name, m) for name, m in shape.members.items()}
    seen = [child.tag for child in e]
    for name in seen:
        if name not in members:
            fail(where, f"{name} is not a member of {shape.name}")
        if seen.count(name) > 1:
            fail(where, f"{name} comes {seen.count(name)} times")
    for name in shape.required_members:
        if shape.members[name].serialization.get("name", name) not in seen:
            fail(where, f"{name} of {shape.name} is required, and not there")
    if e.text and e.text.strip():
        fail(where, f"text {e.text!r} in a structure")
    for child in e:
        if child.tag in members:
            check(f"{where}.{child.tag}", members[child.tag][1], child)


FORMS = {
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    "boolean": r"true|false",
    "integer": r"-?\d+",
    "long": r"-?\d+",
    "blob": r"[A-Za-z0-9+/]*={0,2}",
}


def check_scalar(where, shape, e):
    if len(e):
        fail(where, f"elements {[c.tag for c in e]} in a {shape.type_name}")
        return
    text = e.text or ""
    form = FORMS.get(shape.type_name)
    if form and not re.fullmatch(form, text):
        fail(where, f"{text[:80]!r} is not a {shape.type_name}")
    if shape.type_name != "string":
        return
    limits = shape.metadata
    if shape.enum and text not in shape.enum and text not in UNLISTED:
        fail(where, f"{text!r} is not one of {shape.enum}")
    if not limits.get("min", 0) <= len(text) <= limits.get("max", len(text)):
        fail(where, f"{len(text)} characters, of {limits.get('min')} to {limits.get('max')}")
    if limits.get("pattern") and not matches(limits["pattern"], text):
        fail(where, f"{text[:80]!r} does not match {limits['pattern']}")


def check_error(where, operation, body, status, want):
    """The XML of an error: its form, and that the operation may answer it with this status."""
    root = parse(where, body)
    if root is None:
        return
    if root.tag != "ErrorResponse" or [c.tag for c in root] != ["Error", "RequestId"]:
        fail(where, f"the error is {root.tag} of {[c.tag for c in root]}")
        return
    error = {c.tag: c.text for c in root[0]}
    if list(error) != ["Type", "Code", "Message"] or error["Type"] != ("Sender" if status < 500 else "Receiver"):
        fail(where, f"the error holds {error}")
    code, modelled = error.get("Code"), {}
    for s in operation.error_shapes:
        modelled[s.error_code] = s.metadata["error"].get("httpStatusCode", 400)
    if code not in modelled and code not in COMMON:
        fail(where, f"{code} ({error.get('Message')}) is not an error of {operation.name}: {sorted(modelled)}")
    elif code in modelled and status != modelled[code]:
        fail(where, f"{code} with status {status}, not {modelled[code]}")
    if want and code not in want:
        fail(where, f"{code}: {error.get('Message')}, want {' or '.join(sorted(want))}")


# --- The clients


class Boto3:
    """botocore's clients, without checks of their own, which keep the last answer as it came over the wire."""

    def __init__(self):
        self.clients = {}
        self.wire = None

    def client(self, service, key):
        if (service, key) not in self.clients:
            c = session.create_client(
                service, endpoint_url=endpoint, aws_access_key_id=key[0], aws_secret_access_key=key[1],
                config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
            c.meta.events.register(f"before-parse.{service}", self.keep)
            self.clients[service, key] = c
        return self.clients[service, key]

    def can_send(self, operation, given):
        return True

    def keep(self, response_dict, **_):
        self.wire = response_dict

    def call(self, where, service, operation, given, key, want=None, message=""):
        """Calls; checks the answer or, where want names codes, the error. Returns the answer or None."""
        c = self.client(service, key)
        model = c.meta.service_model.operation_model(operation)
        try:
            answer = getattr(c, xform_name(operation))(**given)
        except ClientError as e:
            check_error(where, model, self.wire["body"], self.wire["status_code"], want)
            if want is None:
                fail(where, str(e))
            elif message not in str(e):
                fail(where, f"{e}: does not say {message!r}")
            return None
        except Exception as e:  # noqa: BLE001 # what the parser made of it belongs into the report
            fail(where, f"{type(e).__name__}: {e}")
            return None
        if want:
            fail(where, f"answered, want {' or '.join(sorted(want))}")
        check_answer(where, model, self.wire["body"])
        return answer


class CLI:
    """The AWS CLI's own driver; a process of it for each call would take half a second each."""

    def __init__(self):
        from awscli.clidriver import create_clidriver
        self.driver = create_clidriver()
        self.seed = tempfile.NamedTemporaryFile(prefix="seed")

    # Takes flags only: the CLI writes the seed into a file.
    NO_JSON = "CreateVirtualMFADevice"

    def can_send(self, operation, given):
        return operation != self.NO_JSON or given.get("VirtualMFADeviceName")

    def call(self, where, service, operation, given, key, want=None, message=""):
        os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = key
        # The driver remembers the credentials that it found.
        self.driver.session._credentials = None  # noqa: SLF001
        line = [service, xform_name(operation, "-"), "--output", "json"]
        if operation == self.NO_JSON:
            line += ["--outfile", self.seed.name, "--bootstrap-method", "Base32StringSeed"]
            for name, value in given.items():
                line += ["--" + xform_name(name, "-"), value if isinstance(value, str) else json.dumps(value)]
        else:
            line += ["--cli-input-json", json.dumps(given)]
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            try:
                rc = self.driver.main(line)
            except SystemExit as e:
                rc = e.code
        found = re.search(r"An error occurred \((\w+)\) when calling the (\w+) operation[^:]*: (.*)", errors.getvalue())
        if rc != 0:
            if found is None or found.group(2) != operation:
                fail(where, f"{rc}: {errors.getvalue().strip()[-600:]}")
            elif not want or found.group(1) not in want or message not in found.group(3):
                fail(where, f"{found.group(0)}, want {want} {message}")
            return None
        if want:
            fail(where, f"answered, want {' or '.join(sorted(want))}")
        answer = json.loads(out.getvalue() or "{}")
        shape = session.get_service_model(service).operation_model(operation).output_shape
        check_printed(where, shape, answer)
        if operation == self.NO_JSON and not want:
            with open(self.seed.name) as f:
                answer["VirtualMFADevice"]["Base32StringSeed"] = f.read()
        return answer


def check_printed(where, shape, answer):
    """What the CLI prints has the members of the shape, and what it requires but for what paging takes out."""
    if shape is None:
        if answer:
            fail(where, f"printed {answer}, and there is nothing to answer")
    elif shape.type_name == "structure":
        if not isinstance(answer, dict):
            fail(where, f"printed {answer!r} for {shape.name}")
            return
        for name in sorted(set(answer) - set(shape.members)):
            fail(where, f"printed {name}, not a member of {shape.name}")
        for name in shape.required_members:
            if name not in answer:
                fail(where, f"did not print {name} of {shape.name}")
        for name, value in answer.items():
            if name in shape.members:
                check_printed(f"{where}.{name}", shape.members[name], value)
    elif shape.type_name == "list":
        for i, value in enumerate(answer):
            check_printed(f"{where}[{i}]", shape.member, value)


# --- The run


def drive(client, spec, thorough):
    names, root = dict(spec["vars"]), (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    done = {}  # (service, operation) → kinds of input that it was called with
    replay, invalid = [], set()
    for case in spec["cases"]:
        service, operation = case.get("service", "iam"), case["op"]
        at, kinds = f"{service}:{operation}", done.setdefault((service, operation), set())
        key = root
        if "as" in case:
            key = names[case["as"] + ".id"], names[case["as"] + ".secret"]
        shape = session.get_service_model(service).operation_model(operation).input_shape
        given = resolve(case["input"], names)

        if "nobody.secret" in names and not case.get("last"):
            nobody = names["nobody.id"], names["nobody.secret"]
            if "unsigned" in case:  # nobody signs, so what it brings must be what another role does not trust
                other = {**given, **resolve(case["unsigned"], names)}
                client.call(at + " denied", service, operation, other, nobody, {"AccessDenied"}, f"Not authorized to perform {at}")
            elif case.get("open"):  # everybody may call it, so the signature is what can be wrong
                client.call(at + " wrongly signed", service, operation, given, (nobody[0], "wrong"), {"SignatureDoesNotMatch"})
            else:
                client.call(at + " denied", service, operation, given, nobody, {"AccessDenied"}, f"not authorized to perform: {at} ")
            kinds.add("denied")
            count("denied")
            if thorough and "denial" not in names and not case.get("open") and "unsigned" not in case:
                names["denial"] = client.wire["headers"]["X-Amzn-Encoded-Authorization-Message"]

        if (service, operation) not in invalid:
            invalid.add((service, operation))
            for what, bad in broken(shape, given) if shape else ():
                if not client.can_send(operation, bad):
                    continue
                client.call(f"{at} {what}", service, operation, bad, key, {"ValidationError"})
                kinds.add("invalid")
                count("invalid")
                if not thorough:
                    break

        answer = client.call(at, service, operation, given, key)
        kinds.add("valid")
        count("valid")
        for name, path in case.get("save", {}).items():
            try:
                names[name] = lookup(answer, path)
            except (KeyError, TypeError) as e:
                fail(at, f"no {path} in the answer: {e!r}")
                return done
        if "again" in case:
            client.call(at + " again", service, operation, given, key, set(case["again"].split("|")))
            count("repeated")
        if key == root and not operation.startswith(("Create", "Upload", "Generate", "UpdateAccountPasswordPolicy")):
            replay.append((service, operation, given))
    if thorough:
        again(client, replay, root)
    if "denial" in names:
        print(names["denial"], file=sys.stderr)
    return done


def again(client, replay, root):
    """When all is deleted: what was asked for is not there, which is one of the errors that the model lists."""
    for service, operation, given in replay:
        model = session.get_service_model(service).operation_model(operation)
        listed = {s.error_code for s in model.error_shapes}
        takes = model.input_shape is not None and any(
            isinstance(v, str) and n not in ("PathPrefix", "Scope", "AssignmentStatus") for n, v in given.items())
        if not takes or service != "iam" or "NoSuchEntity" not in listed or "::aws:" in json.dumps(given):
            continue
        if "DeletionTaskId" in given or "JobId" in given:  # tasks and reports outlive what they are about
            continue
        client.call(f"{service}:{operation} when it is gone", service, operation, given, root, {"NoSuchEntity"})
        count("gone")


def main(which):
    spec = json.load(sys.stdin)
    began = datetime.datetime.now()
    client = Boto3() if which == "boto3" else CLI()
    done = drive(client, spec, which == "boto3")
    for service, operations in spec["operations"].items():
        for operation in operations:
            kinds = done.get((service, operation))
            if kinds is None:
                fail(f"{service}:{operation}", "served, and iam_cases.json has no case of it")
                continue
            shape = session.get_service_model(service).operation_model(operation).input_shape
            want = {"valid", "denied"}
            if shape is not None and next(broken(shape, {}), None):
                want.add("invalid")
            if want - kinds:
                fail(f"{service}:{operation}", f"not called with {sorted(want - kinds)} input")
    counts["operations"] = len(done)
    counts["seconds"] = round((datetime.datetime.now() - began).total_seconds(), 1)
    json.dump({"counts": counts, "failures": failures}, sys.stdout)


main(sys.argv[1])
