"""A key in a file that another program renews, such as a short-lived access token."""

from dataclasses import dataclass, field
from pathlib import Path

from visus.errors import UpstreamAuthFailed


@dataclass(slots=True)
class KeyFile:
    """Reads the file again whenever it has changed; a look costs a few microseconds."""

    path: Path
    _seen: tuple[int, int, int] | None = field(default=None, init=False)
    _key: str = field(default="", init=False, repr=False)

    def key(self) -> str:
        """The key as the file now has it, without white space around it.

        Raises:
            UpstreamAuthFailed: it cannot be read, or holds no key.
        """
        try:
            found = self.path.stat()
            seen = found.st_mtime_ns, found.st_size, found.st_ino
            if seen != self._seen:
                self._key = self._read()
                self._seen = seen
        except (OSError, ValueError) as fault:
            message = "There is no key for the provider; the operator has to mend that."
            raise UpstreamAuthFailed(message, detail=f"{self.path}: {fault}") from fault
        return self._key

    def _read(self) -> str:
        key = self.path.read_text("ascii").strip()
        if not key or not key.isprintable():
            raise ValueError("a key holds printable ASCII characters only")
        return key
