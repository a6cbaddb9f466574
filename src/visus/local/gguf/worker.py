"""What runs in the process of one model: llama.cpp's server, called without HTTP.

The library listens for HTTP before it loads a model, and that cannot be turned off. It gets a
Unix socket in a folder of ours, which the main process removes once the model is loaded, so
that nothing can connect.
"""

import os

import msgspec
import xllamacpp

from visus.local.gguf.loading import Loading
from visus.local.gguf.model import BATCH_TOKENS
from visus.workers.channel import Line, Streaming


def load(argument: str) -> Streaming:
    """The entry of the worker process: a `Loading` as JSON, with the model in memory after."""
    server = xllamacpp.Server(_parameters(msgspec.json.decode(argument, type=Loading)))

    def answer(job: bytes, line: Line) -> None:
        """From the body of a streamed chat request to the data of each event."""

        def pass_on(event: bytes) -> bool:
            line.send(event)
            return not line.is_wanted  # True stops it

        try:
            server.handle_chat_completions(job, pass_on)
        except (ValueError, RuntimeError) as fault:  # a request that it does not begin with
            line.send(_refusal(fault))

    return Streaming(answer)


def look() -> Streaming:
    """An entry that loads the library and no model: can it be had on this machine?"""
    return Streaming(lambda _job, _line: None)


def _refusal(fault: Exception) -> bytes:
    """As the library's own server words it, and as its own events word later faults."""
    error = {"code": 400, "message": str(fault), "type": "invalid_request_error"}
    return msgspec.json.encode({"error": error})


def _parameters(wanted: Loading) -> xllamacpp.CommonParams:
    given = xllamacpp.CommonParams()
    given.model.path = wanted.path
    given.mmproj.path = wanted.projector or ""
    given.n_ctx = wanted.context_tokens
    given.n_batch = given.n_ubatch = BATCH_TOKENS
    given.cpuparams.n_threads = given.cpuparams_batch.n_threads = wanted.threads
    given.hostnames = [f"{wanted.socket_dir}/{os.getpid()}.sock"]
    given.n_threads_http = 1
    given.n_parallel = 1  # a worker does one job at a time
    given.cache_ram_mib = given.n_ctx_checkpoints = (
        0  # else memory grows beyond what was measured
    )
    given.fit_params = False  # what does not fit is refused, never shrunk in silence
    given.warmup = given.ui = False
    given.verbosity = 0  # its log holds prompts
    return given
