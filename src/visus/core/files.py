"""Uploaded files, as the service talks about them: everything but their bytes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """An uploaded file. Ids sort in the order of their times."""

    file_id: str
    owner: str
    """The id of the project whose key uploaded it; no other can see that it exists."""
    digest: bytes
    """SHA-256 of the content."""
    size_bytes: int
    filename: str
    """As the owner wrote it: text to show, never a path."""
    content_type: str | None
    """As the owner declared it; the bytes decide."""
    purpose: str
    created_at: int
    """Seconds since 1970."""
    expires_at: int | None

    @property
    def address(self) -> str:
        """Where the content is kept: equal content of two owners has two addresses."""
        return hashlib.sha256(self.owner.encode() + b"\0" + self.digest).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLabel:
    """What its owner says about a file when it is uploaded."""

    filename: str
    content_type: str | None
    purpose: str
    expires_after_s: int | None
    """None keeps it until it is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPage:
    """Which of an owner's files to list."""

    after: str | None = None
    """An id; the page begins behind it, whether or not there still is such a file."""
    limit: int = 10_000
    newest_first: bool = True
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class FilePage:
    """Some files in their order."""

    files: Sequence[FileRecord]
    has_more: bool
