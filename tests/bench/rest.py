"""Calls of the product's REST face: `*.localhost` is not known to the system's resolver, so the host is named."""

import http.client
import json


def send(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {data[:500]!r}")
        return data
    finally:
        connection.close()


def call(port, method, path, body=None, token=None, host="api"):
    headers = {"host": f"{host}.localhost:{port}", "content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    elif host == "admin":
        headers |= {"origin": f"http://admin.localhost:{port}", "sec-fetch-site": "same-origin"}
    data = send(port, method, path, json.dumps(body) if body is not None else None, headers)
    return json.loads(data)
