"""All settings, read once from a TOML file and the environment variables.

Each package owns the struct of its own settings; here they are put together, and every fault is
reported with its place: the file's line, or the variable's name.
"""

import hmac
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeGuard
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import inspect
from typing_extensions import override

from visus.accounts.jobs import QueueSettings
from visus.accounts.ledger import LedgerSettings
from visus.accounts.limiter import LimitsSettings
from visus.accounts.networks import AdminSettings, MetricsSettings
from visus.accounts.settings import AccountsSettings
from visus.local.gguf import shelf
from visus.local.settings import GgufSettings, LiteSettings
from visus.media.settings import MediaSettings, WebhookSettings
from visus.media.shelf import FilesSettings
from visus.models import presets
from visus.models.catalogue import Catalogue, ModelRow, ProviderRow, refuse_twins, shipped
from visus.providers.settings import AnswerSettings, UpstreamSettings
from visus.routing.dialects import Dialect, dialect
from visus.routing.settings import RoutingSettings
from visus.units import KIB, MIB
from visus.wire.chat import ChatLimits
from visus.workers.settings import WorkerSettings

PREFIX: Final = "VISUS_"
Table: TypeAlias = dict[str, Any]
"""A decoded TOML table."""


class ConfigRefused(Exception):
    """The configuration cannot be used; the text says all that is wrong, line by line."""


class Secret:
    """A value that prints as dots."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @override
    def __repr__(self) -> str:
        return "Secret('•••')"

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    def reveal(self) -> str:
        """The value itself."""
        return self._value


Size: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]
Duration: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The socket, and what one request may cost it."""

    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    """Processes that answer on the same socket, each with models and decoders of its own.
    Limits count in each by itself, unless `[limits] redis` has them count together."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    """The port to listen on; 0 takes a free one."""
    max_body_bytes: Size = 64 * MIB
    """The largest request body, in bytes; a larger one is refused with 413 before it is
    read."""
    max_bodies_bytes: Size = 2048 * MIB
    """What the bodies of all requests that one process has under way may take together, in
    bytes of memory. A large one that comes on top of them is 503; one of up to 256 KiB never,
    and files that are uploaded go to the disk."""
    max_header_bytes: Size = 32 * 1024
    """The largest size of all header fields of a request together; more is 431."""
    max_headers: Size = 100
    """The most header fields in one request; more is 431."""
    header_timeout_s: Duration = 30.0
    """How long a request's headers may take to arrive; then 408."""
    body_timeout_s: Duration = 120.0
    """How long a request's body may take to arrive; then 408."""
    body_patience_s: Duration = 10.0
    """How long a body may arrive at any speed; after that `min_body_bytes_per_s` applies."""
    min_body_bytes_per_s: Annotated[int, msgspec.Meta(ge=0)] = 10 * KIB
    """The least average speed of a body; a slower one is 408. 0: only `body_timeout_s` applies.
    Uploads have a limit of their own, `[files] min_bytes_per_s`."""
    keep_alive_s: Annotated[int, msgspec.Meta(ge=1)] = 75
    """How long an idle connection is kept."""
    heartbeat_s: Duration = 15.0
    """A stream that is silent for so long gets a comment, so that no proxy closes it."""
    write_timeout_s: Duration = 60.0
    """A client that reads nothing for so long is disconnected."""
    max_connections: Size = 2000
    """The most client connections at the same time; more are answered with 503. Lower where the
    system allows the process fewer open files (`ulimit -n`); the log says so at the start."""
    max_questions: Size = 512
    """Questions to models that one process answers at the same time. More wait for their turn,
    which goes round project by project, and within a project key by key, so that none can keep
    the others waiting."""
    max_waiting_questions: Annotated[int, msgspec.Meta(ge=0)] = 1024
    """The most questions that may wait; beyond that, the newest of the project with the most
    waiting is answered with 503."""
    question_patience_s: Duration = 10.0
    """How long a question waits for its turn; then 503 `overloaded`."""
    shutdown_grace_s: Duration = 20.0
    """How long running answers may go on after SIGTERM or SIGINT."""


class StateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where this installation stores its data."""

    dir: str = ".visus"
    """The folder; created if missing (mode 0700)."""


class TelemetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Traces, for a collector of OpenTelemetry. Without an address there are none."""

    traces_url: str = ""
    """Where they go, in OTLP over HTTP: `http://collector:4318/v1/traces`. Where it is empty,
    `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` counts, else `OTEL_EXPORTER_OTLP_ENDPOINT` with
    `/v1/traces` behind it, unless `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER` or the protocol
    beside them says otherwise."""
    headers_env: str = "OTEL_EXPORTER_OTLP_HEADERS"
    """Names the variable with the headers that go along, such as a key:
    `name=value,name=value`, with `%20` and the like."""
    service_name: str = ""
    """The service name in traces; empty: `OTEL_SERVICE_NAME`, else `visus`."""
    sample: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """The share of traces that is sent. For a trace that a caller began, the sampled flag in
    its `traceparent` decides."""
    max_waiting_spans: Annotated[int, msgspec.Meta(ge=100)] = 4096
    """The most spans that wait or are being sent; more are dropped."""
    send_every_s: Duration = 2.0
    """How often waiting spans are sent; sooner where there are enough for a full batch."""
    timeout_s: Duration = 5.0
    """How long sending one batch of spans may take, including retries."""
    flush_s: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    """How long sending the last spans may take when the service stops."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole configuration file."""

    server: ServerSettings = ServerSettings()
    chat: ChatLimits = ChatLimits()
    state: StateSettings = StateSettings()
    accounts: AccountsSettings = AccountsSettings()
    limits: LimitsSettings = LimitsSettings()
    ledger: LedgerSettings = LedgerSettings()
    queue: QueueSettings = QueueSettings()
    webhooks: WebhookSettings = WebhookSettings()
    admin: AdminSettings = AdminSettings()
    metrics: MetricsSettings = MetricsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    media: MediaSettings = MediaSettings()
    files: FilesSettings = FilesSettings()
    decoders: WorkerSettings = WorkerSettings(
        count=2, memory_bytes=1024 * MIB, address_space_bytes=2048 * MIB, deadline_s=15.0
    )
    lite: LiteSettings = LiteSettings()
    gguf: GgufSettings = GgufSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    answers: AnswerSettings = AnswerSettings()
    routing: RoutingSettings = RoutingSettings()
    providers: tuple[ProviderRow, ...] = ()
    models: tuple[ModelRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """What it takes to talk to a provider, or what is missing."""

    row: ProviderRow
    base_url: str | None
    api_key: Secret | None
    missing: tuple[str, ...]
    """Environment variables that would have to be set."""
    dialect: Dialect[Any]
    options: msgspec.Struct
    """Those of the row, as the dialect reads them."""


@dataclass(frozen=True, slots=True)
class TracesAccess:
    """Where traces go, and as whose."""

    url: str
    headers: Mapping[str, Secret]
    service_name: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that was read."""

    settings: Settings
    catalogue: Catalogue
    access: Mapping[str, ProviderAccess]
    """By the provider's name."""
    traces: TracesAccess | None = None
    """None: there are none."""


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> Configuration:
    """Reads the file at `path` (none: defaults only), then `VISUS_…` variables over it.

    Args:
        path: a TOML file.
        environment: read in place of the process's own.

    Raises:
        ConfigRefused: the file cannot be read, or something in it or in a variable is wrong.
    """
    variables = os.environ if environment is None else environment
    text = _text(path)
    table = _table(text, path)
    faults = [_located(fault, text, path) for fault in presets.fill(table)]
    faults += [*_faults_of_file(table, text, path), *_override(table, variables)]
    if faults:
        raise ConfigRefused("\n".join(faults))
    try:
        settings = msgspec.convert(table, Settings, strict=False)
        refuse_twins(settings.providers, settings.models)
        catalogue = _with_pulled(shipped(), settings.gguf)
        catalogue = catalogue.with_rows(Catalogue(settings.providers, settings.models))
        catalogue.check()
        _check_named(settings, catalogue)
        _check_prices(settings, catalogue)
        catalogue = _with_files(catalogue, settings.models)
    except ValueError as fault:
        raise ConfigRefused(_located(str(fault), text, path)) from fault
    if not settings.lite.enabled:
        catalogue = catalogue.without("lite")
    try:
        access = {row.name: _access(row, variables) for row in catalogue.providers}
    except _RowRefused as fault:
        raise ConfigRefused(_located(fault.placed(settings.providers), text, path)) from fault
    return Configuration(settings, catalogue, access, _traces(settings.telemetry, variables))


def client_key() -> Secret | None:
    """The key that stock clients would use: `OPENAI_API_KEY`."""
    key = os.environ.get("OPENAI_API_KEY")
    return Secret(key) if key else None


def _check_named(settings: Settings, catalogue: Catalogue) -> None:
    """Refuses, as a ValueError, a model that other sections name and the catalogue lacks."""
    known = {model.id for model in catalogue.models}
    for one in settings.routing.seeing:
        if one not in known:
            raise ValueError(f"routing.seeing: there is no model {one!r}")
    for one in settings.limits.models:
        if one not in known:
            raise ValueError(f"limits.models.{one}: there is no model {one!r}")


def _check_prices(settings: Settings, catalogue: Catalogue) -> None:
    """Refuses, as a ValueError, a price that would count as nothing."""
    ledger = settings.ledger
    for model in catalogue.models:
        for price in model.prices:
            is_known = price.currency == ledger.currency or price.currency in ledger.rates
            if not is_known and any(price.rates):
                raise ValueError(
                    f"ledger.rates: the model {model.id!r} has a price in {price.currency}; "
                    f"say what one is worth in {ledger.currency}"
                )


def _with_pulled(catalogue: Catalogue, settings: GgufSettings) -> Catalogue:
    folder = Path(settings.dir).absolute()
    rows = tuple(model.row(folder) for model in shelf.pulled(folder))
    return catalogue.with_rows(Catalogue(models=rows)) if rows else catalogue


def _with_files(catalogue: Catalogue, own: Sequence[ModelRow]) -> Catalogue:
    """The catalogue where every model that is run here has its file, and no other has one.

    Raises:
        ValueError: a row that has none, or one too many.
    """
    here = {row.name for row in catalogue.providers if row.dialect == shelf.DIALECT}
    for number, model in enumerate(own):
        is_run_here = any(one.provider in here for one in model.run_by)
        if is_run_here is not (model.path is not None):
            what = "needs the GGUF file that is run here" if is_run_here else "is run elsewhere"
            raise ValueError(f"models[{number}].path: the model {model.id!r} {what}")
    models = [row if row.path is None else shelf.as_run(row) for row in catalogue.models]
    return Catalogue(catalogue.providers, tuple(models))


class _RowRefused(Exception):
    """A row of `[[providers]]` with an unknown dialect, or options that its dialect refuses."""

    def __init__(self, row: ProviderRow, key: str, reason: str) -> None:
        super().__init__(reason)
        self.row = row
        self.key = key

    def placed(self, rows: Sequence[ProviderRow]) -> str:
        """The reason with its place among `rows`; the other rows come with Visus."""
        if self.row not in rows:
            return f"the provider {self.row.name!r}: {self}"
        return f"{self} - at `$.providers[{rows.index(self.row)}].{self.key}`"


def _spoken(row: ProviderRow) -> tuple[Dialect[Any], msgspec.Struct]:
    """The dialect of a row, and its options as that dialect reads them."""
    try:
        spoken = dialect(row.dialect)
    except ValueError as fault:
        raise _RowRefused(row, "dialect", str(fault)) from fault
    try:
        return spoken, msgspec.convert(row.options, spoken.options, strict=False)
    except (msgspec.ValidationError, ValueError) as fault:
        reason, _, where = str(fault).partition(" - at `$")
        raise _RowRefused(row, f"options{where.removesuffix('`')}", reason) from fault


def _access(row: ProviderRow, variables: Mapping[str, str]) -> ProviderAccess:
    spoken, options = _spoken(row)
    base_url = row.base_url or (variables.get(row.base_url_env) if row.base_url_env else None)
    api_key = variables.get(row.api_key_env) if row.api_key_env else None
    if base_url:
        _check_base_url(base_url, row.base_url_env or f"base_url of the provider {row.name!r}")
    if api_key and not (api_key.isascii() and api_key.isprintable()):
        raise ConfigRefused(f"{row.api_key_env}: a key holds printable ASCII characters only")
    missing: list[str] = []
    if spoken.is_remote and not base_url:
        missing.append(row.base_url_env or f"base_url of the provider {row.name!r}")
    if row.api_key_env and not api_key:
        missing.append(row.api_key_env)
    return ProviderAccess(
        row=row,
        base_url=base_url.rstrip("/") if base_url else None,
        api_key=Secret(api_key) if api_key else None,
        missing=tuple(missing),
        dialect=spoken,
        options=options,
    )


def _check_base_url(url: str, where: str) -> None:
    """Paths are put behind it, and what a query or a fragment holds would come before them."""
    if not _is_web_address(url):
        raise ConfigRefused(f"{where}: {url!r} is not an http or https address")
    if "?" in url or "#" in url:
        raise ConfigRefused(f"{where}: {url!r} has a query or a fragment")


def _traces(settings: TelemetrySettings, variables: Mapping[str, str]) -> TracesAccess | None:
    """Where traces go, by the settings or else by OpenTelemetry's standard variables.

    Raises:
        ConfigRefused: an address that is none, or headers that nobody can read.
    """
    url = settings.traces_url or _traces_url(variables)
    if not url:
        return None
    if not _is_web_address(url):
        raise ConfigRefused(f"telemetry.traces_url: {url!r} is not an http or https address")
    name = settings.service_name or variables.get("OTEL_SERVICE_NAME") or "visus"
    given = variables.get(settings.headers_env, "") if settings.headers_env else ""
    return TracesAccess(url, dict(_headers_in(given, settings.headers_env)), name)


def _traces_url(variables: Mapping[str, str]) -> str:
    """Where OpenTelemetry's own variables want traces to go in the form that is spoken here."""
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ""
    if variables.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return ""
    protocol = variables.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    if variables.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol) != "http/protobuf":
        return ""
    base = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return variables.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or (
        f"{base}/v1/traces" if base else ""
    )


def _headers_in(text: str, variable: str) -> Iterator[tuple[str, Secret]]:
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, value = entry.partition("=")
        name, value = name.strip(), unquote(value.strip())
        is_name = re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name)
        if not is_name or not value or not (value.isascii() and value.isprintable()):
            raise ConfigRefused(f"{variable}: not of the form name=value,name=value")
        yield name.lower(), Secret(value)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


# --- The file --------------------------------------------------------------------------------


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigRefused(f"{path}: cannot be read: {fault}") from fault


def _table(text: str, path: Path | None) -> Table:
    try:
        table: Table = msgspec.toml.decode(text)
    except msgspec.DecodeError as fault:
        raise ConfigRefused(f"{path}: {fault}") from fault
    return table


def _faults_of_file(table: Table, text: str, path: Path | None) -> Iterator[str]:
    """The first fault of each section, so that all sections can be mended at once."""
    for name, value in table.items():
        if name not in Settings.__struct_encode_fields__:
            yield _located(f"There is no section `{name}` - at `$.{name}`", text, path)
            continue
        for index, section in _pieces(name, value):
            try:
                msgspec.convert(section, Settings, strict=False)
            except (msgspec.ValidationError, ValueError) as fault:
                message = str(fault)
                if index is not None:
                    message = message.replace(f"$.{name}[0]", f"$.{name}[{index}]")
                yield _located(message, text, path)


def _pieces(name: str, value: Any) -> Iterator[tuple[int | None, Table]]:
    """A section by itself; of an array of tables, each table by itself."""
    if _is_list(value):
        for index, entry in enumerate(value):
            yield index, {name: [entry]}
    else:
        yield None, {name: value}


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_table(value: object) -> TypeGuard[Table]:
    return isinstance(value, dict)


_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"unknown field `(?P<key>[^`]+)`")
_STEP: Final = re.compile(r"(?P<name>[^.\[\]]+)(?:\[(?P<index>\d+|\.\.\.)\])?")


def _located(message: str, text: str, path: Path | None) -> str:
    """The message with the file's line in front."""
    found = _PLACE.match(message)
    what, where = (found["what"], found["path"] or "") if found else (message, "")
    if unknown := _UNKNOWN.search(what):
        where = f"{where}.{unknown['key']}".removeprefix(".")
        what = f"unknown key {unknown['key']!r}"
    line = _line_of(where or what.partition(":")[0], text)
    place = f"{path}:{line}" if line else str(path or "settings")
    return f"{place}: {where}: {what}" if where else f"{place}: {what}"


def _line_of(where: str, text: str) -> int | None:
    """The line that a path like `models[1].vision.video` stands on, or its table's."""
    steps = [(m["name"], m["index"]) for m in _STEP.finditer(where)]
    if not steps:
        return None
    lines = text.splitlines()
    best, start, end = None, 0, len(lines)
    for depth, (name, index) in enumerate(steps):
        table = ".".join(step for step, _ in steps[: depth + 1])
        header = re.compile(rf"^\s*\[\[?\s*{re.escape(table)}\s*\]\]?\s*(#.*)?$")
        headers = [n for n in range(start, end) if header.match(lines[n])]
        nth = int(index) if index and index.isdigit() else 0
        if nth < len(headers):
            best = start = headers[nth]
            end = headers[nth + 1] if nth + 1 < len(headers) else end
            continue
        key = re.compile(
            rf"""^\s*["']?{re.escape(name)}["']?\s*[.=]|[{{,]\s*{re.escape(name)}\s*="""
        )
        best = next((n for n in range(start, end) if key.search(lines[n])), best)
        start = best or start
    return None if best is None else best + 1


# --- The environment -------------------------------------------------------------------------


def _override(table: Table, variables: Mapping[str, str]) -> Iterator[str]:
    """Puts each `VISUS_SECTION__FIELD` into the table; yields what is wrong with any."""
    for variable, text in sorted(variables.items()):
        if not variable.startswith(PREFIX) or "__" not in variable:
            continue
        path = variable.removeprefix(PREFIX).lower().split("__")
        kind = _kind_at(path)
        if kind is None:
            yield f"{variable}: there is no such setting"
            continue
        try:
            value = _value(text, kind)
            trial = _nested(path, value)
            msgspec.convert(trial, Settings, strict=False)
        except (msgspec.MsgspecError, ValueError) as fault:
            yield f"{variable}: {str(fault).partition(' - at `')[0]}"
            continue
        _merge(table, trial)


def _kind_at(path: list[str]) -> inspect.Type | None:
    kind: inspect.Type = inspect.type_info(Settings)
    for name in path:
        if not isinstance(kind, inspect.StructType):
            return None
        field = next((field for field in kind.fields if field.encode_name == name), None)
        if field is None:
            return None
        kind = field.type
    return None if isinstance(kind, inspect.StructType) else kind


def _value(text: str, kind: inspect.Type) -> object:
    """Lists and tables as JSON, or as `a,b` and `name=value,name=value`; the rest as it is."""
    if text[:1] in {"[", "{"}:
        return msgspec.json.decode(text.encode())
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    match kind:
        case inspect.VarTupleType() | inspect.ListType():
            return entries
        case inspect.DictType():
            return dict(entry.split("=", 1) for entry in entries)
        case _:
            return text


def _nested(path: list[str], value: object) -> Table:
    *outer, name = path
    nested: Table = {name: value}
    for section in reversed(outer):
        nested = {section: nested}
    return nested


def _merge(table: Table, other: Table) -> None:
    for name, value in other.items():
        old = table.get(name)
        if _is_table(value) and _is_table(old):
            _merge(old, value)
        else:
            table[name] = value
