"""Real ids in some of the generated calls, so that they reach more than the answer NOT_FOUND."""

import json
import os

import schemathesis

IDS = json.loads(os.environ.get("API_CHECK_IDS", "{}"))

# What an `id` in a path names, by the word before it.
KINDS = {
    "assistants": "assistant",
    "files": "file",
    "versions": "version",
    "channels": "channel",
    "telegram": "channel",
    "chats": "conversation",
    "messages": "message",
    "turns": "turn",
    "transfers": "transfer",
    "api-keys": "apiKey",
    "providers": "provider",
    "prices": "price",
}


def kind_of(path, name):
    """`/api/v1/chats/{conversationId}/turns/{id}`, `id` -> `turn`."""
    before = path.split("{" + name + "}")[0].rstrip("/")
    return KINDS.get(before.rsplit("/", 1)[-1])


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    operation = context.operation
    # What ends an object for good would end it for the calls behind it.
    lasting = operation.method.upper() != "DELETE" and not operation.path.endswith((":end", ":close"))
    for name, value in (path_parameters or {}).items():
        known = IDS.get(kind_of(operation.path, name))
        # By the value itself, so that the same run makes the same calls.
        if known and lasting and isinstance(value, str) and sum(value.encode(errors="replace")) % 4 != 0:
            path_parameters[name] = known
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        for name in ("assistantId", "fileId", "conversationId"):
            known = IDS.get(name.removesuffix("Id"))
            if known and isinstance(body.get(name), str) and len(body[name]) == 36:
                body[name] = known
        # Waiting is not what is tested here.
        if isinstance(body.get("waitSeconds"), int) and body["waitSeconds"] > 1:
            body["waitSeconds"] = 1
    return body
