"""What the read of one wallet is asked with: an owner's access token (ten minutes) and the workspace's id.

    read.py PORT OUT_DIR
"""

import base64
import json
import pathlib
import sys

import rest

port, out = int(sys.argv[1]), pathlib.Path(sys.argv[2])
email, password = (out / "neipix_owner.txt").read_text().split("\n")
login = {"email": email, "password": password, "surface": "SURFACE_API"}
token = rest.call(port, "POST", "/api/v1/auth/login", login)["accessToken"]
payload = token.split(".")[1]
claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
(out / "read_token.txt").write_text(token)
(out / "read_workspace.txt").write_text(claims["ws"])
