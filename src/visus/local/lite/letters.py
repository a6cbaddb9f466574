"""The reader's last layer, in two parts: letters that are likely, and all the others.

The reader knows 18,708 characters, nearly all of them Chinese, and weighs each of them at every
step of a strip: a fifth of the time of a page, in vain where a text has none of them. Its graph
is rewritten so that the likely letters are weighed at every step, and all only where no likely
one weighs much. It is written once, at set-up; where the file is missing, it is made again in
memory.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats: TypeAlias = NDArray[np.float32]

GRAPH_FILE: Final = "reader.onnx"
ENOUGH: Final = 18.0
"""A likely letter (or none) that weighs as much is not outweighed. Where one of 2,311 Chinese
characters weighed most, no likely letter passed 17.5; of the steps of pages in German and
English, 93 % have a likely letter of this weight."""
CHARACTERS_KEY: Final = "character"
LIKELY_KEY: Final = "likely"
_LAST: Final = ["MatMul", "Add", "Identity", "Softmax"]
"""How the graph ends: weights, then a probability for each character."""
_IDEOGRAPHS: Final = range(0x3040, 0xFF00)
"""Kana, Chinese characters, Korean, and forms for vertical writing."""
_FIRST_RADICAL: Final = 0x2E80
_FIRST_SIGN: Final = 0x3000


class ReaderUnknown(Exception):
    """The reader's graph does not end as the one that we know."""


class Weighed(NamedTuple):
    """What the rewritten graph says of the steps of one strip."""

    likely: Floats
    """(steps, likely letters): the weight of each."""
    unsure: NDArray[np.int64]
    """The steps at which no likely letter weighs enough."""
    rest: Floats
    """(unsure steps, all characters)."""


def alphabet_of(characters: str) -> tuple[str, ...]:
    """All characters in the order of the reader's output; the first is none at all."""
    return ("", *characters.splitlines(), " ")


def is_likely(character: str) -> bool:
    """Whether a character may stand in a text that is neither Chinese nor Japanese.

    Punctuation of full width counts, since the reader takes it for the ordinary one at times.
    """
    codes = [ord(part) for part in character]
    return all(
        code < _FIRST_RADICAL or (code >= _FIRST_SIGN and code not in _IDEOGRAPHS)
        for code in codes
    )


def chosen(weighed: Weighed, likely: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """The weightiest character of each step, and its probability.

    Args:
        weighed: of one strip.
        likely: int64 (likely letters): their places among all characters.
    """
    best, sure = _weightiest(weighed.likely)
    best = likely[best]
    if len(weighed.unsure):
        best[weighed.unsure], sure[weighed.unsure] = _weightiest(weighed.rest)
    return best, sure


def _weightiest(weights: Floats) -> tuple[NDArray[np.int64], Floats]:
    best = weights.argmax(axis=1)
    top = weights[np.arange(len(best)), best]
    return best, 1 / np.exp(weights - top[:, None]).sum(axis=1)


# --- Rewriting the graph ---------------------------------------------------------------------


def rewritten(path: Path) -> bytes:
    """The reader in `path`, with the outputs of `Weighed` in place of its own.

    Raises:
        ReaderUnknown: it ends otherwise than we know.
    """
    model = onnx.load(str(path))
    graph = model.graph
    last = list(graph.node)[-len(_LAST) :]
    if [node.op_type for node in last] != _LAST:
        raise ReaderUnknown(path.name)
    seen, weights, bias = last[0].input[0], last[0].input[1], last[1].input[1]
    held = {tensor.name: tensor for tensor in graph.initializer}
    likely = _likely(model)
    graph.initializer.extend(
        [
            _taken(held[weights], likely, "likely.w"),
            _taken(held[bias], likely, "likely.b"),
            numpy_helper.from_array(np.array(ENOUGH, dtype=np.float32), "enough"),
        ]
    )
    del graph.node[-len(_LAST) :]
    graph.node.extend(_ending(seen, weights, bias))
    del graph.output[:]
    graph.output.extend(_outputs())
    _tell(model, likely)
    return bytes(model.SerializeToString())


def _likely(model: onnx.ModelProto) -> list[int]:
    told = {entry.key: entry.value for entry in model.metadata_props}
    alphabet = alphabet_of(told[CHARACTERS_KEY])
    return [place for place, character in enumerate(alphabet) if is_likely(character)]


def _taken(tensor: onnx.TensorProto, places: Sequence[int], name: str) -> onnx.TensorProto:
    """The columns of a tensor at `places`."""
    values = np.take(numpy_helper.to_array(tensor), places, axis=-1)
    return numpy_helper.from_array(np.ascontiguousarray(values), name)


def _ending(seen: str, weights: str, bias: str) -> list[onnx.NodeProto]:
    node = helper.make_node
    return [
        node("Squeeze", [seen], ["steps"], axes=[0]),
        node("Gemm", ["steps", "likely.w", "likely.b"], ["likely"]),
        node("ReduceMax", ["likely"], ["top"], axes=[1], keepdims=0),
        node("Less", ["top", "enough"], ["is_unsure"]),
        node("NonZero", ["is_unsure"], ["places"]),
        node("Squeeze", ["places"], ["unsure"], axes=[0]),
        node("Gather", ["steps", "unsure"], ["unsure_steps"], axis=0),
        node("Gemm", ["unsure_steps", weights, bias], ["rest"]),
    ]


def _outputs() -> list[onnx.ValueInfoProto]:
    info = helper.make_tensor_value_info
    return [
        info("likely", TensorProto.FLOAT, [None, None]),
        info("unsure", TensorProto.INT64, [None]),
        info("rest", TensorProto.FLOAT, [None, None]),
    ]


def _tell(model: onnx.ModelProto, likely: Sequence[int]) -> None:
    """Write down in the file which characters the likely ones are."""
    entry = model.metadata_props.add()
    entry.key, entry.value = LIKELY_KEY, " ".join(map(str, likely))


def default_path() -> Path:
    """Where the graph is kept unless told otherwise: beside the code that runs it."""
    return Path(__file__).parent / ".cache" / GRAPH_FILE
