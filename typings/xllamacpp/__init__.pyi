from collections.abc import Callable

class CommonParamsModel:
    path: str

class CpuParams:
    n_threads: int

class CommonParams:
    model: CommonParamsModel
    mmproj: CommonParamsModel
    cpuparams: CpuParams
    cpuparams_batch: CpuParams
    hostnames: list[str]
    n_batch: int
    n_ctx: int
    n_ubatch: int
    n_parallel: int
    n_threads_http: int
    n_ctx_checkpoints: int
    cache_ram_mib: int
    fit_params: bool
    ui: bool
    verbosity: int
    warmup: bool

class Server:
    def __init__(self, params: CommonParams) -> None: ...
    def handle_chat_completions(
        self, prompt: bytes, callback: Callable[[bytes], bool]
    ) -> None: ...
