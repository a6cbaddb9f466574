"""A vision-language model of a few hundred thousand random numbers, in two GGUF files.

It has the form of a Qwen2-VL: pictures of any size become one token for each 28 pixels square.
It says nothing, at length and in small letters: the first number of each embedding is large and
survives the layers, so that the last matrix can give every token a weight of its own. It never
ends by itself; with `calls=True` it would rather call a tool than say a word.
"""

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

WIDTH = 64
"""Numbers of an embedding, of the text and of a patch of a picture."""
HEADS = 4
INNER = 128
TEXT_LAYERS = 2
EYE_LAYERS = 3
"""llama.cpp takes no fewer of a projector of this kind."""
PATCH_PX = 14
CONTEXT = 4096
MERGES = ("t h", "i n", "e r", "a n")
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
)
NEWLINE = chr(266)
"""As the vocabulary writes it."""
TOOLS = """{% if tools and loop.first %}<|im_start|>system
Tools:
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}Call one as <tool_call>
{"name": NAME, "arguments": ARGUMENTS}
</tool_call><|im_end|>
{% endif %}"""
TEMPLATE = """{% for message in messages %}TOOLS<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% elif message.content %}\
{% for part in message.content %}{% if part.type == 'text' %}{{ part.text }}{% else %}\
<|vision_start|><|image_pad|><|vision_end|>{% endif %}{% endfor %}{% endif %}\
{% for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


class _Random:
    """Tensors of a seed."""

    def __init__(self, seed: int) -> None:
        self._numbers = np.random.default_rng(seed)

    def of(self, *shape: int, scale: float = 0.02) -> NDArray[np.float32]:
        return (self._numbers.standard_normal(shape) * scale).astype(np.float32)

    def sparing_the_first(self, *shape: int, scale: float) -> NDArray[np.float32]:
        """Adds nothing to the first number of what it is added to."""
        matrix = self.of(*shape, scale=scale)
        matrix[0] = 0
        return matrix


def letters() -> list[str]:
    """How the 256 bytes are written in a byte-level vocabulary."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def write(
    folder: Path, *, calls: bool = False, tools: bool = True, context: int = CONTEXT
) -> None:
    """Writes `model.gguf` and `projector.gguf`."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(folder / "model.gguf", "qwen2vl")
    writer.add_context_length(context)
    _write_text_model(writer, _Random(1), calls=calls, tools=tools)
    _write_projector(folder / "projector.gguf", _Random(2))


def _write_text_model(
    writer: gguf.GGUFWriter, random: _Random, *, calls: bool, tools: bool
) -> None:
    writer.add_name("tiny")
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(TEXT_LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS // 2)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_sections([2, 3, 3, 0])
    tokens = _add_vocabulary(writer)
    writer.add_chat_template(TEMPLATE.replace("TOOLS", TOOLS if tools else ""))
    embedding = random.of(len(tokens), WIDTH, scale=1.0)
    embedding[:, 0] = 30
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    output = random.of(len(tokens), WIDTH, scale=0.25)
    output[:, 0] = [_liking(token, calls=calls) for token in tokens]
    if calls:
        for first, then in (("<tool_call>", NEWLINE), ("</tool_call>", "<|im_end|>")):
            output[tokens.index(then), 1:] += 8 * embedding[tokens.index(first), 1:]
    writer.add_tensor("output.weight", output)
    for layer in range(TEXT_LAYERS):
        _add_text_layer(writer, f"blk.{layer}.", random)
    _finish(writer)


def _add_vocabulary(writer: gguf.GGUFWriter) -> list[str]:
    plain = [*letters(), *(merge.replace(" ", "") for merge in MERGES)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([*plain, *SPECIAL])
    control, user_defined = gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED
    kinds = [user_defined if "tool" in token else control for token in SPECIAL]
    writer.add_token_types([*[gguf.TokenType.NORMAL] * len(plain), *kinds])
    writer.add_token_merges(list(MERGES))
    writer.add_bos_token_id(len(plain))
    writer.add_eos_token_id(len(plain) + SPECIAL.index("<|im_end|>"))
    writer.add_add_bos_token(value=False)
    return [*plain, *SPECIAL]


def _liking(piece: str, *, calls: bool) -> float:
    """Small letters and what is merged of them; of the rest only what a grammar leaves."""
    if "tool_call>" in piece and calls:
        return 2 if piece == "<tool_call>" else 1
    return 0 if piece.isascii() and piece.isalpha() and piece.islower() else -10


def _add_text_layer(writer: gguf.GGUFWriter, prefix: str, random: _Random) -> None:
    half = WIDTH // 2
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"{prefix}{name}.weight", np.ones(WIDTH, np.float32))
    for name, width in (("attn_q", WIDTH), ("attn_k", half), ("attn_v", half)):
        writer.add_tensor(f"{prefix}{name}.weight", random.of(width, WIDTH, scale=0.05))
        writer.add_tensor(f"{prefix}{name}.bias", random.of(width))
    for name in ("ffn_gate", "ffn_up"):
        writer.add_tensor(f"{prefix}{name}.weight", random.of(INNER, WIDTH, scale=0.05))
    for name, width in (("attn_output", WIDTH), ("ffn_down", INNER)):
        matrix = random.sparing_the_first(WIDTH, width, scale=0.05)
        writer.add_tensor(f"{prefix}{name}.weight", matrix)


def _write_projector(path: Path, random: _Random) -> None:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", val=True)
    writer.add_bool("clip.use_gelu", val=True)
    writer.add_string("clip.projector_type", "qwen2vl_merger")
    for name, number in {
        "image_size": 560,
        "patch_size": PATCH_PX,
        "embedding_length": WIDTH,
        "feed_forward_length": INNER,
        "projection_dim": WIDTH,
        "block_count": EYE_LAYERS,
        "attention.head_count": HEADS,
    }.items():
        writer.add_uint32(f"clip.vision.{name}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    for name in ("v.patch_embd.weight", "v.patch_embd.weight.1"):
        writer.add_tensor(name, random.of(WIDTH, 3, PATCH_PX, PATCH_PX))
    for layer in range(EYE_LAYERS):
        _add_eye_layer(writer, f"v.blk.{layer}.", random)
    _add_norm(writer, "v.post_ln")
    _add_linear(writer, "mm.0", random.of(WIDTH * 4, WIDTH * 4, scale=0.1))
    _add_linear(writer, "mm.2", random.sparing_the_first(WIDTH, WIDTH * 4, scale=0.5))
    _finish(writer)


def _add_eye_layer(writer: gguf.GGUFWriter, prefix: str, random: _Random) -> None:
    _add_norm(writer, f"{prefix}ln1")
    _add_norm(writer, f"{prefix}ln2")
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        _add_linear(writer, prefix + name, random.of(WIDTH, WIDTH, scale=0.1))
    _add_linear(writer, f"{prefix}ffn_up", random.of(INNER, WIDTH, scale=0.1))
    _add_linear(writer, f"{prefix}ffn_down", random.of(WIDTH, INNER, scale=0.1))


def _add_norm(writer: gguf.GGUFWriter, name: str) -> None:
    writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor(f"{name}.bias", np.zeros(WIDTH, np.float32))


def _add_linear(writer: gguf.GGUFWriter, name: str, matrix: NDArray[np.float32]) -> None:
    bias = np.zeros(len(matrix), np.float32)
    if name == "mm.2":
        bias[0] = 30  # as every embedding has it
    writer.add_tensor(f"{name}.weight", matrix)
    writer.add_tensor(f"{name}.bias", bias)


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
