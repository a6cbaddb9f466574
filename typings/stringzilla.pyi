def find(
    text: bytes | memoryview, substring: bytes, start: int = ..., end: int = ..., /
) -> int: ...
def hash(text: bytes | memoryview, seed: int = 0, /) -> int: ...  # noqa: A001 -- their name
