"""A Hugging Face Hub on 127.0.0.1 for tests, which can misbehave.

It speaks the addresses of the real one that huggingface_hub asks for, and sends large files from another
host (localhost), as the real one does.
"""

import base64
import contextlib
import hashlib
import json
import math
import re
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import huggingface_hub
from huggingface_hub import constants

from ftcore.storage import hub_transfer
from tests.helpers.file_server import FileServer

LARGE = (".parquet", ".safetensors", ".bin", ".model", ".onnx")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@contextlib.contextmanager
def hub_client(server, tmp_path, monkeypatch):
    """Give the client the settings, which it reads from the environment when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub_transfer, "REPORT_EVERY", 0.01)
    monkeypatch.setattr(hub_transfer, "FIRST_WAIT", 0.01)
    yield
    huggingface_hub.close_session()


class HubServer(FileServer):
    """Serves models that are published to it, and datasets, by names such as "datasets/owner/name".

    Attributes:
        token: the one that models ask for; "" if they are public.
        gated: names of models whose terms nobody has accepted.
        damaged: names of files of which other bytes are sent.
        answers: status and headers of the next answers; None for a proper one.
        page: the body of an answer that is no proper one.
        describes: whether it answers with JSON; another site answers with a page.
        tokens: the path and Authorization header of all requests.
        writers: tokens that may create models and commit to them.
        private: names of models that were created so.
        access: what it says of a token to its owner.
    """

    def __init__(self) -> None:
        super().__init__({})
        self.token = ""
        self.gated: set[str] = set()
        self.damaged: set[str] = set()
        self.answers: list[tuple[int, dict[str, str]] | None] = []
        self.page = b""
        self.describes = True
        self.tokens: list[tuple[str, str]] = []
        self.writers: set[str] = set()
        self.private: set[str] = set()
        self.access: dict[str, Any] = {"role": "write"}
        self._commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self._branches: dict[str, dict[str, str]] = {}
        self._cards: dict[str, dict[str, Any]] = {}

    def publish(
        self, name: str, files: "Path | dict[str, bytes]", branch: str = "main", **card: Any
    ) -> str:
        """Make a commit of files, or of a folder, and return its SHA; `card` is metadata of README.md."""
        if isinstance(files, Path):
            files = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
        sha = hashlib.sha1(repr((name, sorted(files.items()))).encode()).hexdigest()
        self._commits.setdefault(name, {})[sha] = files
        self._branches.setdefault(name, {})[branch] = sha
        self._cards[name] = card
        return sha

    def delete(self, name: str, branch: str) -> None:
        """Delete a branch and its commit."""
        del self._commits[name][self._branches[name].pop(branch)]

    def _resolve(self, name: str, revision: str) -> str | None:
        commits = self._commits[name]
        short = [sha for sha in commits if _COMMIT.fullmatch(revision) and sha.startswith(revision)]
        return self._branches[name].get(revision) or (short[0] if short else None)

    def _files_of(self, name: str) -> dict[str, bytes]:
        """The files of a model; a new one has one of the Hub's own."""
        if name not in self._commits:
            return {".gitattributes": b""}
        return self._commits[name][self._branches[name]["main"]]

    def _added(self, line: bytes) -> tuple[str, bytes] | None:
        """The file that a line of a commit adds: its content, or that of the upload before."""
        operation = json.loads(line)
        value = operation["value"]
        if operation["key"] == "file":
            return value["path"], base64.b64decode(value["content"])
        if operation["key"] == "lfsFile":
            return value["path"], self.files[f"storage/{value['oid']}"]
        return None

    def _describe(self, name: str, sha: str) -> dict[str, Any]:
        files = self._commits[name][sha]
        config = json.loads(files.get("config.json", b"{}"))
        counts = [_parameters(data) for file, data in files.items() if file == "model.safetensors"]
        return {
            "id": name.removeprefix("datasets/"),
            "sha": sha,
            "siblings": [_sibling(*file) for file in files.items()],
            "config": {"model_type": config.get("model_type")},
            "cardData": self._cards[name],
            **(
                {"safetensors": {"parameters": {"F32": counts[0]}, "total": counts[0]}}
                if counts
                else {}
            ),
        }

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # `self` is the handler
        class Handler(super()._handler()):  # type: ignore[misc]
            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path).lstrip("/")
                server.requests.append(f"{self.command} {path}")
                server.tokens.append((path, self.headers.get("Authorization", "")))
                if server.answers and (answer := server.answers.pop(0)):
                    self.refuse(*answer)
                elif path == "api/whoami-v2":
                    self.answer({"name": "someone", "auth": {"accessToken": server.access}})
                elif path in server.files:  # of the storage of large files
                    self.send_file(server.files[path])
                elif (
                    api := re.fullmatch(
                        r"api/models/([\w.-]+(?:/[\w.-]+)?)(?:/revision/(.+))?", path
                    )
                ) or (
                    api := re.fullmatch(r"api/(datasets/[\w.-]+/[\w.-]+)(?:/revision/(.+))?", path)
                ):
                    self.describe(api[1], api[2] or "main")
                elif (
                    file := re.fullmatch(
                        r"(datasets/[\w.-]+/[\w.-]+)/resolve/([0-9a-f]{40})/(.+)", path
                    )
                ) or (file := re.fullmatch(r"([\w.-]+(?:/[\w.-]+)?)/resolve/(.+)/([^/]+)", path)):
                    self.resolve(*file.groups())
                else:
                    self.refuse(404, {})

            do_HEAD = do_GET

            def do_POST(self) -> None:
                """Create a model, take a commit, or say where large files go."""
                path = unquote(urlsplit(self.path).path).lstrip("/")
                body = self.rfile.read(int(self.headers["Content-Length"]))
                header = self.headers.get("Authorization", "")
                server.requests.append(f"{self.command} {path}")
                server.tokens.append((path, header))
                if server.answers and (answer := server.answers.pop(0)):
                    self.refuse(*answer)
                elif path == "api/validate-yaml":
                    self.answer({"errors": [], "warnings": []})
                elif header.removeprefix("Bearer ") not in server.writers:
                    self.refuse(403, {})
                elif path == "api/repos/create":
                    asked = json.loads(body)
                    name = f"{asked['organization']}/{asked['name']}"
                    server.publish(name, server._files_of(name))
                    server.private |= {name} if asked.get("visibility") == "private" else set()
                    self.answer({"url": f"{server.url}/{name}"})
                elif "/preupload/" in path:
                    modes = [_upload_mode(file["path"]) for file in json.loads(body)["files"]]
                    self.answer({"files": modes})
                elif path.endswith(".git/info/lfs/objects/batch"):
                    objects = json.loads(body)["objects"]
                    self.answer({"transfer": "basic", "objects": list(map(self.place, objects))})
                else:
                    name = path.removeprefix("api/models/").partition("/commit/")[0]
                    files = server._files_of(name) | dict(
                        filter(None, map(server._added, body.splitlines()))
                    )
                    commit = server.publish(name, files)
                    url = f"{server.url}/{name}/commit/{commit}"
                    self.answer({"commitOid": commit, "commitUrl": url})

            def do_PUT(self) -> None:
                path = unquote(urlsplit(self.path).path).lstrip("/")
                server.files[path] = self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(200, {})

            def place(self, asked: dict[str, Any]) -> dict[str, Any]:
                """Where a large file is uploaded to."""
                upload = {"href": f"{server.url}/storage/{asked['oid']}"}
                return {"oid": asked["oid"], "size": asked["size"], "actions": {"upload": upload}}

            def answer(self, values: dict[str, Any]) -> None:
                self.reply(200, {"Content-Type": "application/json"}, json.dumps(values).encode())

            def commit(self, name: str, revision: str) -> str | None:
                """Return the SHA of a commit, or refuse the request."""
                header = self.headers.get("Authorization", "")
                if server.token and header not in ("", f"Bearer {server.token}"):
                    message = "Invalid credentials in Authorization header"
                    self.refuse(401, {"X-Error-Message": message})
                elif server.token and not header:
                    self.refuse(401, {"X-Error-Code": "RepoNotFound"})
                elif name not in server._commits:
                    self.refuse(404, {"X-Error-Code": "RepoNotFound"})
                elif (sha := server._resolve(name, revision)) is None:
                    self.refuse(404, {"X-Error-Code": "RevisionNotFound"})
                else:
                    return sha
                return None

            def describe(self, name: str, revision: str) -> None:
                if sha := self.commit(name, revision):
                    described = json.dumps(server._describe(name, sha)).encode()
                    self.reply(200, {}, described if server.describes else b"<html>Sign in</html>")

            def resolve(self, name: str, revision: str, file: str) -> None:
                if not (sha := self.commit(name, revision)):
                    return
                if name in server.gated:
                    self.refuse(403, {"X-Error-Code": "GatedRepo"})
                    return
                if file not in server._commits[name][sha]:
                    self.refuse(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha})
                    return
                data = server._commits[name][sha][file]
                sent = data[:-1] + bytes([data[-1] ^ 1]) if file in server.damaged else data
                headers = {"X-Repo-Commit": sha, "ETag": f'"{_sibling(file, data)["etag"]}"'}
                if file.endswith(LARGE):
                    etag = headers.pop("ETag")
                    stored = f"storage/{etag[1:-1]}"
                    server.files[stored] = sent
                    there = server.url.replace("127.0.0.1", "localhost")
                    headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(len(data))}
                    self.reply(302, {**headers, "Location": f"{there}/{stored}"})
                elif self.command == "HEAD":
                    self.reply(200, {**headers, "Content-Length": str(len(data))})
                else:
                    self.send_file(sent)

            def refuse(self, status: int, headers: dict[str, str]) -> None:
                self.reply(status, headers, server.page)

            def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
                self.send_response(status)
                for header, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(header, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        return Handler


def _upload_mode(path: str) -> dict[str, Any]:
    mode = "lfs" if path.endswith(LARGE) else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False}


def _sibling(file: str, data: bytes) -> dict[str, Any]:
    git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    sibling = {"rfilename": file, "size": len(data), "blobId": git, "etag": git}
    if file.endswith(LARGE):
        sha256 = hashlib.sha256(data).hexdigest()
        lfs = {"size": len(data), "sha256": sha256, "pointerSize": 134}
        sibling |= {"lfs": lfs, "etag": sha256}
    return sibling


def _parameters(weights: bytes) -> int:
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
    return sum(math.prod(tensor["shape"]) for tensor in tensors)
