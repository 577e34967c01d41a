"""AWS's SDK for Python ("botocore") or the AWS CLI ("cli-v1"): reads situations as JSON lines, answers each with a JSON line.

Each situation is resolved in a fork, since both remember what they read.
"""

import contextlib
import io
import json
import os
import sys

SOURCES = {
    "env": "env", "shared-credentials-file": "static", "config-file": "static", "custom-process": "process", "sso": "sso", "login": "login",
    "assume-role-with-web-identity": "webid", "container-role": "container", "iam-role": "imds", "assume-role": "",
}  # fmt: skip


def ask_botocore(profile):
    import botocore.session

    try:
        credentials = botocore.session.Session(profile=profile or None).get_credentials()
        if credentials is None:
            return {"kind": "none"}
        return {"kind": "ok", "akid": credentials.get_frozen_credentials().access_key, "source": SOURCES.get(credentials.method, "?")}
    except BaseException as e:  # getpass ends some with what is no Exception
        return {"kind": "error", "detail": f"{type(e).__name__}: {e}"}


def ask_cli(profile):
    """Runs the whole command line, with one command more."""
    from awscli.clidriver import create_clidriver

    found = {"kind": "none"}
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        try:
            driver = create_clidriver()

            def command(_remaining, _parsed):
                credentials = driver.session.get_credentials()
                if credentials is not None:
                    access_key = credentials.get_frozen_credentials().access_key
                    found.update(kind="ok", akid=access_key, source=SOURCES.get(credentials.method, "?"))
                return 0

            driver._get_command_table()["whose-credentials"] = command
            status = driver.main(["whose-credentials"] + (["--profile", profile] if profile else []))
        except BaseException as e:
            status = f"{type(e).__name__}: {e}"
    if status != 0:
        return {"kind": "error", "detail": f"{status} {err.getvalue().strip()}"}
    return found


def main():
    ask = {"botocore": ask_botocore, "cli-v1": ask_cli}[sys.argv[1]]
    # What every fork would load again.
    import botocore.credentials
    import botocore.httpsession
    import botocore.session

    if ask is ask_cli:
        from awscli.clidriver import create_clidriver

        create_clidriver()._get_command_table()
    keep = {name: os.environ[name] for name in ["AWS_DATA_PATH"] if ask is ask_cli}  # the CLI set it when it was imported
    for line in sys.stdin:
        situation = json.loads(line)
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.environ.clear()
            os.environ.update(keep | situation["env"])
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.setsid()  # nobody at a terminal answers prompts
            os.write(w, json.dumps(ask(situation.get("profile"))).encode())
            os._exit(0)
        os.close(w)
        with os.fdopen(r, "rb") as pipe:
            print(pipe.read().decode() or '{"kind": "error", "detail": "crashed"}', flush=True)
        os.waitpid(pid, 0)


main()
