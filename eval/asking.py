"""Put questions to the service as a stock client does, and mark what comes back."""

import base64
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

import msgspec
import openai

from eval.items import Item
from eval.marker import Mark, mark
from eval.service import Service

TIMEOUT_S: Final = 120.0
MEDIA_TYPES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A question, the reply and its mark."""

    item: Item
    reply: str
    mark: Mark
    seconds: float
    fault: str = ""
    """What went wrong on the way, when nothing was answered."""


def data_url(path: Path) -> str:
    """The file as a data URL, bytes untouched."""
    kind = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def client_of(service: Service) -> openai.OpenAI:
    """The official client, without retries: a fault is a result here."""
    return openai.OpenAI(
        base_url=service.base_url, api_key=service.api_key, max_retries=0, timeout=TIMEOUT_S
    )


class Asker:
    """Asks one model about the pictures of one folder."""

    def __init__(self, client: openai.OpenAI, model: str, folder: Path) -> None:
        self._client = client
        self._model = model
        self._folder = folder

    def ask(self, item: Item) -> Outcome:
        """Ask, turn by turn, and mark the last reply."""
        began = time.monotonic()
        fault, reply = "", ""
        try:
            reply = self._reply(item)
        except openai.OpenAIError as error:
            fault = f"{type(error).__name__}: {error}"
        seconds = time.monotonic() - began
        marked = Mark(right=False, why=fault) if fault else mark(item, reply)
        if fault and item.rule == "transcript":
            lost = len(item.text or "")
            marked = Mark(right=False, why=fault, distance=lost, length=lost)
        return Outcome(item=item, reply=reply, mark=marked, seconds=seconds, fault=fault)

    def ask_all(self, items: Sequence[Item], at_once: int) -> Iterator[Outcome]:
        """Every outcome as soon as it is known."""
        with ThreadPoolExecutor(max_workers=at_once) as pool:
            for done in as_completed([pool.submit(self.ask, item) for item in items]):
                yield done.result()

    def _reply(self, item: Item) -> str:
        pictures: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": data_url(self._folder / name)}}
            for name in item.pictures
        ]
        messages: list[Any] = []
        reply = ""
        for turn, question in enumerate([*item.before, item.question]):
            parts = [{"type": "text", "text": question}, *(pictures if turn == 0 else [])]
            messages.append({"role": "user", "content": parts})
            answer = self._client.chat.completions.create(model=self._model, messages=messages)
            reply = answer.choices[0].message.content or ""
            messages.append({"role": "assistant", "content": reply})
        return reply
