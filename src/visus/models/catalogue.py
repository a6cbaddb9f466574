"""Which models there are: rows of data, never code.

The shipped rows stand in `catalogue.toml`; an operator's file adds rows and replaces those of
the same name. Nothing here knows keys or connects to anything.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from importlib import resources
from itertools import chain
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from visus.core.boxes import BoxConvention
from visus.core.places import Site
from visus.core.price import Rates
from visus.core.prompt import ImageType
from visus.core.question import Role
from visus.core.tokens import QwenPixels
from visus.core.wishes import OptionName
from visus.models import residency
from visus.models.counting import ImageTokens, TextTokens, VideoTokens

PictureType: TypeAlias = Literal[ImageType, "image/heif"]
"""What a row may say that a server reads; pictures of the last kind are called HEIC here."""
Modality: TypeAlias = Literal["text", "image", "video", "file"]
VideoWish: TypeAlias = Literal["fps", "start", "end", "max_frames"]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
StructuredOutput: TypeAlias = Literal["native", "json-object", "none"]
Limit: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]


BoxUnits: TypeAlias = Literal["normalised-1000-yx", "normalised-1000-xy", "resized-pixels"]


class Vision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which media a model's server accepts; pictures are converted and shrunk to fit."""

    formats: tuple[PictureType, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif")
    """Media types that the server reads."""
    image_roles: tuple[Role, ...] = ("system", "developer", "user", "assistant")
    """The roles whose turns may hold pictures; pictures of other roles are moved into the next
    user turn, with a note where they come from."""
    max_images: Limit | None = None
    """Pictures in one request."""
    max_bytes: Limit | None = None
    """Bytes of one picture's file."""
    max_inline_bytes: Limit | None = None
    """Bytes of all media in one request together, as base64."""
    max_upload_bytes: Limit | None = None
    """Bytes of one file that is uploaded separately where all media together exceed
    `max_inline_bytes`; unset: nothing is uploaded."""
    max_pixels: Limit | None = None
    """Pixels of one picture that the model uses; larger ones are shrunk."""
    max_aspect: Limit | None = None
    """The largest ratio of a picture's long side to its short side; more is refused."""
    max_tokens_per_image: Limit | None = None
    """A picture that costs more tokens is shrunk until it does not. Needs `tokens`."""
    tokens: ImageTokens | None = None
    """How a picture's tokens are counted. Without it pictures are neither counted nor shrunk to
    what the model uses."""
    video: bool = False
    """Whether the server takes video files; otherwise it gets frames as pictures."""
    video_formats: tuple[str, ...] = ("video/mp4",)
    """Media types of videos that the server reads."""
    video_sampling: bool | tuple[VideoWish, ...] = False
    """The sampling fields of a video that the server supports: some of `fps`, `start`, `end`
    and `max_frames`, or `true` for all. A video with another one is sent as frames."""
    video_tokens: VideoTokens | None = None
    """How the tokens of a video that is sent as a file are counted."""
    pdf: bool = False
    """Whether the server takes PDF files; otherwise it gets a picture of each page."""
    pdf_page_tokens: Limit | None = None
    """Tokens per page of a PDF that is sent as a file."""
    boxes: BoxUnits | None = None
    """How it writes boxes: in thousandths with y first or x first, or in pixels of the picture
    as the model resizes it (see `tokens`). Unset: boxes cannot be converted to pixels."""

    def __post_init__(self) -> None:
        if self.max_tokens_per_image is not None and self.tokens is None:
            raise ValueError("max_tokens_per_image needs tokens: how are they counted?")

    @property
    def box_convention(self) -> BoxConvention | None:
        """What `core.boxes` computes with."""
        match self.boxes:
            case None:
                return None
            case "normalised-1000-yx":
                return BoxConvention(y_first=True, steps=1000)
            case "normalised-1000-xy":
                return BoxConvention(steps=1000)
            case "resized-pixels":
                rule = None if self.tokens is None else self.tokens.rule
                if rule is None:
                    return BoxConvention()
                looks_at = rule.looks_at if isinstance(rule, QwenPixels) else rule.seen
                return BoxConvention(looks_at=looks_at)


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a million tokens cost, in millionths of `currency`, from `since` on."""

    input_micros: Annotated[int, msgspec.Meta(ge=0)]
    """The price of input tokens."""
    output_micros: Annotated[int, msgspec.Meta(ge=0)]
    """The price of output tokens."""
    currency: str = "EUR"
    """ISO 4217."""
    since: date | None = None
    """The first day of this price."""

    @property
    def rates(self) -> Rates:
        """What `core.price` computes with."""
        return Rates(self.input_micros, self.output_micros)


class ProviderRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider, which runs models: `[[providers]]`."""

    name: Name
    """A unique name, by which models refer to it."""
    dialect: Name
    """The API that it speaks, an entry point of the group `visus.providers`: `openai`,
    `gemini`, `gguf` (models run here), `lite` (the model inside), or one from another
    package."""
    preset: str | None = None
    """A well-known server, whose settings fill in what the row leaves out: see the presets."""
    base_url: str | None = None
    """The base URL, including the version: `https://models.example.test/v1`."""
    base_url_env: str | None = None
    """The environment variable that holds `base_url`, where the row has none."""
    api_key_env: str | None = None
    """The environment variable that holds the key; none: the server asks for no key."""
    api_key_header: Name = "Authorization"
    """`Authorization` sends `Bearer <key>`, any other name the bare key."""
    region: str = "global"
    """Where it runs: the operator's statement. `global` satisfies no residency."""
    country: str | None = None
    """The country where it runs, ISO 3166 alpha-2."""
    location: str | None = None
    """The place where it runs, in words."""
    refuses: tuple[OptionName, ...] = ()
    """Options that its server does not know, or ignores without a word: a question that asks
    for one of them is refused by name."""
    options: dict[str, Any] = {}
    """Further options of the dialect."""

    @property
    def site(self) -> Site:
        """What `residency` judges."""
        return Site(self.name, self.region, self.country)

    def __post_init__(self) -> None:
        if self.country is not None and not residency.is_country(self.country):
            raise ValueError(f"country: {self.country!r} is no country's two letters")


class DeploymentRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider that runs a model: `[[models.deployments]]`."""

    provider: Name
    """The provider's `name`."""
    upstream_id: Name | None = None
    """The model's name there, where that differs from `id`."""


class ModelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model that callers may ask for: `[[models]]`."""

    id: Name
    """The id that callers send; case-sensitive."""
    provider: Name | None = None
    """The provider that runs it: the short form of `deployments` with one entry."""
    upstream_id: Name | None = None
    """Its name at the provider, where that differs from `id`."""
    deployments: tuple[DeploymentRow, ...] = ()
    """All providers that run it; each question goes to the least busy one."""
    fallbacks: tuple[Name, ...] = ()
    """The models to ask, in order, when this one fails."""
    path: str | None = None
    """The GGUF file of a model that is run here; the first, if it has several parts."""
    projector: str | None = None
    """The GGUF file that encodes pictures (mmproj); with it the model takes pictures."""
    display_name: str | None = None
    """The name shown in `/v1/models`; unset: its `id`."""
    model_type: Literal["LLM", "EMBEDDING"] = "LLM"
    """Shown in `/v1/models`."""
    input_modalities: tuple[Modality, ...] = ("text",)
    """What it takes; with `image` it gets pictures."""
    output_modalities: tuple[Modality, ...] = ("text",)
    """What it writes; shown in `/v1/models`."""
    vision: Vision = Vision()
    """Limits of its vision; without effect unless `input_modalities` has `image`."""
    text_tokens: TextTokens = TextTokens()
    """How its text tokens are counted."""
    structured_output: StructuredOutput = "native"
    """Which `response_format`s its server guarantees: JSON Schemas and JSON objects (`native`),
    JSON objects alone, or none. For the others Visus puts the schema into the prompt, checks
    the answer, and asks again where it does not match."""
    refuses: tuple[OptionName, ...] = ()
    """Options that it cannot honour, besides those of its provider's row."""
    max_sequence_length: Limit | None = None
    """Its context length, in tokens."""
    max_output_length: Limit | None = None
    """The longest answer, in tokens; shown in `/v1/models`."""
    hidden_size: Limit | None = None
    """The width of its hidden layers; shown in `/v1/models`."""
    license: str | None = None
    """Shown in `/v1/models`."""
    lifecycle_stage: Literal["preview", "general-availability", "deprecated", "retired"] = (
        "general-availability"
    )
    """Shown in `/v1/models`; a `retired` model has ended, as after its `end_of_life_date`."""
    end_of_life_date: date | None = None
    """The day from which its provider no longer runs it."""
    successor: str | None = None
    """The model that replaces this one after its end of life."""
    follow_successor: bool | None = None
    """Whether the successor is then asked in its place, and the answer says so; unset:
    `[routing] follow_successors`."""
    aliases: tuple[Name, ...] = ()
    """Other ids by which callers may ask for it."""
    answers_as: tuple[Name, ...] = ()
    """Other model names that its server may return in answers, with the wildcards `*`, `?` and
    `[0-9]`. With any other name, the answer counts as another model's."""
    price: Price | tuple[Price, ...] | None = None
    """One price, or several, each valid from its `since` until the next one."""

    def __post_init__(self) -> None:
        if (self.provider is None) == (not self.deployments):
            raise ValueError("a model needs either a provider or deployments")
        if self.deployments and self.upstream_id is not None:
            raise ValueError("upstream_id belongs into each of the deployments")

    @property
    def run_by(self) -> Sequence[DeploymentRow]:
        """All who run it."""
        if self.provider is None:
            return self.deployments
        return (DeploymentRow(provider=self.provider, upstream_id=self.upstream_id),)

    def has_ended(self, today: date) -> bool:
        """Whether its provider no longer runs it, by what the row says."""
        end = self.end_of_life_date
        return self.lifecycle_stage == "retired" or (end is not None and end <= today)

    @property
    def prices(self) -> Sequence[Price]:
        """All that it has ever had, or will have."""
        if self.price is None:
            return ()
        return self.price if isinstance(self.price, tuple) else (self.price,)

    def price_on(self, day: date) -> Price | None:
        """Its price that day; None if unknown."""
        begun = [one for one in self.prices if one.since is None or one.since <= day]
        return max(begun, key=lambda one: one.since or date.min, default=None)

    @property
    def sees(self) -> Vision | None:
        """The pictures it can use; None for a model that takes text only."""
        return self.vision if "image" in self.input_modalities else None


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Providers and models, each name once, in the order in which they were written."""

    providers: tuple[ProviderRow, ...] = ()
    models: tuple[ModelRow, ...] = ()

    def with_rows(self, other: "Catalogue") -> "Catalogue":
        """This catalogue with the rows of `other` added, or put in place of namesakes."""
        providers = {row.name: row for row in (*self.providers, *other.providers)}
        models = {row.id: row for row in (*self.models, *other.models)}
        return Catalogue(providers=tuple(providers.values()), models=tuple(models.values()))

    def without(self, dialect: str) -> "Catalogue":
        """This catalogue without providers of that dialect, and what only they run."""
        providers = tuple(row for row in self.providers if row.dialect != dialect)
        names = {row.name for row in providers}
        models = tuple(_only_by(names, row) for row in self.models)
        kept = {row.id for row in models if row is not None}
        return Catalogue(
            providers=providers,
            models=tuple(
                msgspec.structs.replace(
                    row, fallbacks=tuple(one for one in row.fallbacks if one in kept)
                )
                for row in models
                if row is not None
            ),
        )

    @property
    def names(self) -> frozenset[str]:
        """Every id and every alias: what callers may ask for."""
        return frozenset(name for row in self.models for name in (row.id, *row.aliases))

    def refused_by(self, model: ModelRow) -> tuple[OptionName, ...]:
        """The options that `model` or its provider cannot honour."""
        names = {one.provider for one in model.run_by}
        theirs = [row.refuses for row in self.providers if row.name in names]
        return tuple(sorted({*model.refuses, *chain.from_iterable(theirs)}))

    def run_by(self, provider: str) -> Sequence[tuple[str, ModelRow]]:
        """The models that a provider runs, by their names there."""
        return [
            (one.upstream_id or model.id, model)
            for model in self.models
            for one in model.run_by
            if one.provider == provider
        ]

    def check(self) -> None:
        """Refuses, as a ValueError, a name used twice, or a reference to a missing one."""
        refuse_twins(self.providers, self.models)
        names = [name for row in self.models for name in (row.id, *row.aliases)]
        if twin := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"models: {twin!r} is the id or an alias of two models")
        providers = {row.name for row in self.providers}
        models = {row.id for row in self.models}
        for number, model in enumerate(self.models):
            for index, deployment in enumerate(model.run_by):
                if deployment.provider not in providers:
                    where = "" if model.provider else f".deployments[{index}]"
                    raise ValueError(
                        f"models[{number}]{where}.provider: there is no provider "
                        f"{deployment.provider!r}"
                    )
            for one in model.fallbacks:
                if one not in models:
                    message = f"models[{number}].fallbacks: there is no model {one!r}"
                    raise ValueError(message)
            if model.follow_successor and model.successor not in models:
                raise ValueError(
                    f"models[{number}].successor: there is no model {model.successor!r}"
                )


def shipped() -> Catalogue:
    """The rows that come with Visus."""
    text = resources.files("visus.models").joinpath("catalogue.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Catalogue)


def _only_by(providers: Collection[str], model: ModelRow) -> ModelRow | None:
    """The model as these run it; None where none of them does."""
    left = tuple(one for one in model.run_by if one.provider in providers)
    if len(left) == len(model.run_by):
        return model
    return msgspec.structs.replace(model, deployments=left) if left else None


def refuse_twins(providers: Sequence[ProviderRow], models: Sequence[ModelRow]) -> None:
    """Refuses, as a ValueError, a name that stands twice in one file."""
    _refuse_twins("providers", (row.name for row in providers))
    _refuse_twins("models", (row.id for row in models))


def _refuse_twins(table: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            raise ValueError(f"{table}[{number}]: {name!r} is there twice")
        seen.add(name)
