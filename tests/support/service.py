"""The service as its users run it: a process of its own, asked over its socket."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


FOREIGN = ("VISUS_", "OPENAI_", "OTEL_")
"""Variables of whoever runs the tests, which a service is not to see."""


LOG_GATHERS_S = 0.1
"""Longer than records of requests wait for others, with which they are written."""


class Service:
    """`visus serve` with a configuration, started and stopped."""

    def __init__(
        self, folder: Path, config: str = "", *, under: Sequence[str] = (), **environment: str
    ) -> None:
        """`under` is a program that runs it, with what it is to have."""
        self.folder = folder
        self.log_path = folder / "log.jsonl"
        (folder / "config.toml").write_text(config)
        command = [
            *under,
            sys.executable,
            "-m",
            "visus",
            "serve",
            "--port",
            "0",
            "--config",
            str(folder / "config.toml"),
            "--state",
            str(folder / "state"),
        ]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 -- our own program
                command,
                cwd=ROOT,
                env=clean | environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.said = self._until_ready()
        found = dict(re.findall(r"^export (\w+)=(.*)$", self.said, re.MULTILINE))
        self.url = found["OPENAI_BASE_URL"]
        self.key = found.get("OPENAI_API_KEY", "")
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])

    def _until_ready(self) -> str:
        said = ""
        for line in self.process.stdout or ():
            said += line
            if line == "ready\n":
                return said
        raise RuntimeError(f"the server did not start: {said}{self.log_path.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks the server to stop and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def post(self, body: Any, *, path: str = "/v1/chat/completions", **headers: str) -> "Reply":
        """Sends JSON (or bytes as they are) with the service's key."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        return self.request("POST", path, data, given | headers)

    def upload(self, data: bytes) -> str:
        """Stores a file and returns its id."""
        edge = "an-edge-that-stands-in-no-file"
        form = (
            f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        ).encode()
        body = form + data + f"\r\n--{edge}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        reply = self.post(body, path="/v1/files", **headers)
        assert reply.status == 200, reply.body
        return reply.json()["id"]

    def get(self, path: str, **headers: str) -> "Reply":
        given = {"Authorization": f"Bearer {self.key}"}
        return self.request("GET", path, None, given | headers)

    def request(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> "Reply":
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=25)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def log(self) -> str:
        """The log so far; records of requests come a moment after the answer."""
        if self.process.poll() is None:
            time.sleep(LOG_GATHERS_S)
        return self.log_path.read_text()

    def records(self, request_id: str, *, patience_s: float = 3) -> list[dict[str, Any]]:
        """The log's records of one request."""
        end = time.monotonic() + patience_s
        while True:
            whole, _, _ = self.log_path.read_text().rpartition("\n")  # the last may be coming
            lines = whole.splitlines()
            found = [json.loads(line) for line in lines if request_id in line]
            if found or time.monotonic() > end:
                return found
            time.sleep(0.02)


class Reply:
    """An HTTP answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The data of each event of a stream; `[DONE]` as itself."""
        data = [
            line[6:] for line in self.body.decode().split("\n") if line.startswith("data: ")
        ]
        return [one if one == "[DONE]" else json.loads(one) for one in data]

    def error(self) -> tuple[int, str, str | None]:
        """Status, code and param, after a look at the shape that every error has."""
        body = self.json()
        assert set(body) == {"error", "detail"}, body
        assert set(body["error"]) == {"message", "type", "param", "code"}, body
        assert body["detail"] == body["error"]["message"]
        assert self.headers["content-type"] == "application/json"
        assert self.headers["x-request-id"].startswith("req_")
        return self.status, body["error"]["code"], body["error"]["param"]


def ask(model: str, content: Any = "Hello", **more: Any) -> dict[str, Any]:
    """The body of a simple question."""
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def picture(url: str, **more: Any) -> dict[str, Any]:
    """A picture part."""
    return {"type": "image_url", "image_url": {"url": url, **more}}


def text(words: str) -> dict[str, str]:
    """A text part."""
    return {"type": "text", "text": words}
