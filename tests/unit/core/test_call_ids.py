import base64
import re

import pytest
from hypothesis import given, strategies as st

from visus.core import call_ids
from visus.core.call_ids import Carried

SIGNATURE = base64.b64encode(bytes(range(256)) * 20).decode()
texts = (
    st.none()
    | st.text(max_size=40)
    | st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode())
)


@given(texts, texts, texts)
def test_what_an_id_carries_comes_back(
    signature: str | None, text_signature: str | None, own_id: str | None
) -> None:
    carried = Carried(signature, text_signature, own_id)
    made = call_ids.made(carried)
    assert call_ids.carried(made) == carried
    assert re.fullmatch(r"[A-Za-z0-9_-]+", made)
    assert re.fullmatch(r"call_[0-9a-f]{24}", call_ids.head(made))
    assert made.startswith(call_ids.head(made))


def test_a_signature_costs_its_own_length() -> None:
    made = call_ids.made(Carried(SIGNATURE))
    assert len(made) - len(SIGNATURE) < 48


def test_an_id_without_a_load_is_short_and_new() -> None:
    one, other = call_ids.made(), call_ids.made()
    assert len(one) == len(other) == 29
    assert one != other
    assert call_ids.head(one) == one
    assert call_ids.carried(one) == Carried()


@pytest.mark.parametrize("foreign", ["", "call_1", "call_abc_def", "fc-1", "call_" + "0" * 25])
def test_an_id_of_others_is_left_alone(foreign: str) -> None:
    assert call_ids.head(foreign) == foreign
    assert call_ids.carried(foreign) == Carried()


@given(st.data())
def test_an_id_that_was_changed_is_refused_or_another(data: st.DataObject) -> None:
    made = call_ids.made(Carried(SIGNATURE[:40], None, "fc-1"))
    cut = data.draw(st.integers(30, len(made) - 1))
    with pytest.raises(ValueError, match="id"):
        call_ids.carried(made[:cut])
    with pytest.raises(ValueError, match="id"):
        call_ids.carried(made + data.draw(st.sampled_from(["AAAA", "!", "ä", "=" * 3 + "A"])))


@given(st.text(max_size=60))
def test_no_id_at_all_brings_anything_down(tail: str) -> None:
    try:
        carried = call_ids.carried(f"call_{'0' * 24}_{tail}")
    except ValueError:
        return
    assert all(one is None or isinstance(one, str) for one in carried)
