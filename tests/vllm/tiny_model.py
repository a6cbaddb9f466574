"""Makes a Qwen3-VL with random weights, of what is installed: `tiny_model.py FOLDER`.

It has the architecture, the preprocessing and the special tokens of the real model and 1.7
million parameters, so that a server needs no download and a CPU is fast enough. What it says is
gibberish; everything around that is real. Runs with the Python of the server's environment.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from pydoc_data import topics

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

WORDS = 4000
"""Entries of the vocabulary, special ones not counted."""
SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
TAGS = (
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
"""Single tokens that are part of the text."""
PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen cuts text before it merges: a digit is always by itself."""
SQUARES = {
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
    "processor_class": "Qwen3VLProcessor",
}


def main() -> None:
    """Writes the model into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    _weights(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for name, settings in _settings(tokenizer.get_vocab()):
        path = folder / name
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(before | settings, indent=1))


def _tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer, trained on the language reference that Python brings along."""
    made = Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(PIECES), "isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([cut, to_bytes])
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(topics.topics.values(), trainer)
    made.add_special_tokens(
        [AddedToken(one, special=True, normalized=False) for one in SPECIAL]
    )
    made.add_tokens([AddedToken(one, special=False, normalized=False) for one in TAGS])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=262_144,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = Path(__file__).with_name("chat_template.jinja").read_text()
    return fast


def _weights(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLForConditionalGeneration:
    """The same random numbers every time."""
    torch.manual_seed(0)
    known = tokenizer.get_vocab()
    text = {
        "vocab_size": -(-len(known) // 64) * 64,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "max_position_embeddings": 262_144,
        "eos_token_id": known["<|im_end|>"],
        "bos_token_id": known["<|endoftext|>"],
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5e6,
            "mrope_section": [12, 10, 10],
            "mrope_interleaved": True,
        },
    }
    vision = {
        "depth": 3,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 2,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": 128,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [0, 1, 2],
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=known["<|image_pad|>"],
        video_token_id=known["<|video_pad|>"],
        vision_start_token_id=known["<|vision_start|>"],
        vision_end_token_id=known["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    return Qwen3VLForConditionalGeneration(config).eval()


def _settings(known: dict[str, int]) -> Iterator[tuple[str, dict[str, object]]]:
    """What stands beside the weights: the real model's bounds on pictures and films."""
    yield (
        "tokenizer_config.json",
        {
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
        },
    )
    picture = {"longest_edge": 16_777_216, "shortest_edge": 65_536}
    yield (
        "preprocessor_config.json",
        {"size": picture, "image_processor_type": "Qwen2VLImageProcessorFast", **SQUARES},
    )
    film = {"longest_edge": 25_165_824, "shortest_edge": 4_096}
    yield (
        "video_preprocessor_config.json",
        {"size": film, "video_processor_type": "Qwen3VLVideoProcessor", **SQUARES},
    )
    yield (
        "generation_config.json",
        {
            "bos_token_id": known["<|endoftext|>"],
            "pad_token_id": known["<|endoftext|>"],
            "eos_token_id": [known["<|im_end|>"], known["<|endoftext|>"]],
            "do_sample": True,
            "temperature": 0.7,
            "top_k": 20,
            "top_p": 0.8,
        },
    )


if __name__ == "__main__":
    main()
