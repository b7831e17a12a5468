"""Customers of the product for the load, made as people make them: by REST, a letter's code and an upload.

Each workspace has an owner, a published assistant with the 5,000 passages of the peers, and an API key. Staff add the
provider stand-in and its price. Writes one key a line, and what the read of one row needs.

    seed.py PORT PRODUCT_DIR OUT_DIR PASSAGES WORKSPACES
"""

import concurrent.futures
import json
import pathlib
import re
import sys
import time
import urllib.parse
import uuid

import rest
from rest import send

PORT, PRODUCT, OUT = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
UPSTREAM = "http://127.0.0.1:18080/v1"
PASSWORD = "bench password 1"


def call(*what, **how):
    return rest.call(PORT, *what, **how)


def until(what, seconds, look):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"{what}: not within {seconds} s")


def staff():
    password = json.loads((PRODUCT / "secrets.json").read_text())["demo superadmin"]
    login = {"email": "root@neipix.example", "password": password, "surface": "SURFACE_ADMIN"}
    token = call("POST", "/api/v1/auth/login", login, host="admin")["accessToken"]
    provider = {"name": "Bench", "kind": "PROVIDER_KIND_OPENAI_COMPATIBLE", "baseUrl": UPSTREAM, "model": "mock",
                "apiKey": "sk-bench-0000", "priority": 1}
    call("POST", "/api/v1/admin/providers", {"provider": provider}, token, "admin")
    price = {"model": "mock", "inputMicroPix": "1000000", "outputMicroPix": "2000000", "markupBp": 10000}
    call("POST", "/api/v1/admin/prices", {"price": price}, token, "admin")


def code_for(email):
    port = json.loads((PRODUCT / "ports.json").read_text())["mailbox"]
    path = "/mailbox/api/messages?" + urllib.parse.urlencode({"to": email})
    letters = json.loads(send(port, "GET", path, headers={"host": "localhost"}))["messages"]
    codes = [re.search(r"(?<!\d)\d{6}(?!\d)", letter["text"]) for letter in letters]
    return next((found.group() for found in codes if found), None)


def register(n):
    email = f"owner{n}-{uuid.uuid4().hex[:8]}@bench.example"
    body = {"email": email, "password": PASSWORD, "name": "Bench", "workspaceName": f"Bench {n}"}
    registered = call("POST", "/api/v1/auth/register", body)
    code = until("the code", 20, lambda: code_for(email))
    tokens = call("POST", "/api/v1/auth/confirm-email", {"registrationId": registered["registrationId"], "code": code})
    return email, tokens["accessToken"]


def upload(token, assistant, text):
    files = f"/api/v1/assistants/{assistant}/files"
    made = call("POST", files, {"name": "passages.txt", "sizeBytes": str(len(text))}, token)
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in made["upload"]["fields"].items()]
    parts.append(f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="passages.txt"\r\n\r\n'.encode())
    body = b"".join(parts) + text + f"\r\n--{boundary}--\r\n".encode()
    url = urllib.parse.urlsplit(made["upload"]["url"])
    send(url.port, "POST", url.path, body, {"host": url.netloc, "content-type": f"multipart/form-data; boundary={boundary}"})
    file = made["file"]["id"]
    call("POST", f"{files}/{file}:confirm", {}, token)

    def ready():
        now = call("GET", f"{files}/{file}", token=token)
        if now["status"] == "FILE_STATUS_FAILED":
            raise SystemExit(f"the passages cannot be read: {now}")
        return now if now["status"] == "FILE_STATUS_READY" else None

    return until("the passages", 170, ready)["passageCount"]


def workspace(n, text):
    email, token = register(n)
    draft = {"name": "Bench", "instruction": "Отвечай коротко, по материалам.", "answerDelaySeconds": 0}
    assistant = call("POST", "/api/v1/assistants", {"draft": draft}, token)["id"]
    passages = upload(token, assistant, text)
    call("POST", f"/api/v1/assistants/{assistant}:publish", {}, token)
    key = {"name": "Bench", "permissions": ["chats.ask"], "assistantId": assistant}
    return email, call("POST", "/api/v1/api-keys", key, token)["secret"], passages


def main():
    began = time.monotonic()
    staff()
    text, count = pathlib.Path(sys.argv[4]).read_bytes(), int(sys.argv[5])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: workspace(n, text), range(count)))
    (OUT / "neipix_keys.txt").write_text("\n".join(key for _, key, _ in made))
    (OUT / "neipix_hot.txt").write_text(made[0][1])
    (OUT / "neipix_owner.txt").write_text(f"{made[0][0]}\n{PASSWORD}")
    print(f"product: workspaces={count} passages={made[0][2]} each, seeded in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
