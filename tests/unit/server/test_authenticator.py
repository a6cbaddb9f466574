"""Keys are remembered for a moment, in bounded memory."""

from dataclasses import dataclass, field
from typing import Any, cast

from tests.support.wires import Wire
from typing_extensions import override

from visus.accounts.keys import Key, KeyBook, digest
from visus.server.authenticate import MAX_REMEMBERED, Authenticator
from visus.server.exchange import Exchange
from visus.server.request import ClientRequest, Head
from visus.server.wrong_keys import WrongKeys

NOT_NEEDED = cast("Any", None)
REMEMBER_S = 5.0


@dataclass(frozen=True, slots=True)
class AnyKey(KeyBook):
    """Finds whatever is looked up, and remembers what that was."""

    looked_up: list[bytes] = field(default_factory=list[bytes])

    @override
    def find(self, wanted: bytes) -> Key | None:
        self.looked_up.append(wanted)
        return Key(key_id=wanted.hex(), name="any", hint="abcd", created_at=0)


class Door:
    """A authenticator whose clock stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.book = AnyKey(NOT_NEEDED)
        self._keeper = Authenticator(
            self.book,
            remember_s=REMEMBER_S,
            wrong_keys=WrongKeys(0),
            clock_s=lambda: self.now_s,
        )

    async def looks_up(self, secret: str) -> bool:
        """Whether the key is looked up when somebody comes with it."""
        before = len(self.book.looked_up)
        head = Head("GET", "/v1/models", b"", [(b"authorization", f"Bearer {secret}".encode())])
        request = ClientRequest(Wire(), head, is_surplus=False, keeps_alive=True)
        key = await self._keeper.identify(Exchange(request))
        assert key.key_id == digest(secret).hex()
        return len(self.book.looked_up) > before


async def test_a_key_is_remembered_for_a_moment_and_not_longer() -> None:
    door = Door()
    assert await door.looks_up("mine")
    door.now_s += REMEMBER_S - 0.1
    assert not await door.looks_up("mine")
    door.now_s += 0.2
    assert await door.looks_up("mine")


async def test_of_too_many_keys_the_one_not_looked_up_for_longest_is_forgotten() -> None:
    door = Door()
    for number in range(MAX_REMEMBERED):
        assert await door.looks_up(f"key-{number}")
    door.now_s += REMEMBER_S
    assert await door.looks_up("key-0")
    assert await door.looks_up("newcomer")
    assert not await door.looks_up("key-0")
