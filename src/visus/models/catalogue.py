"""Which models there are: rows of data, never code.

The shipped rows stand in `catalogue.toml`; an operator's file adds rows and replaces those of
the same name. Nothing here knows keys or connects to anything.
"""

from collections.abc import Iterable
from datetime import date
from importlib import resources
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from visus.core.places import Site
from visus.core.price import Rates
from visus.core.question import Role
from visus.core.wishes import OptionName
from visus.models.counting import ImageTokens, TextTokens, VideoTokens

Modality: TypeAlias = Literal["text", "image", "video", "file"]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Limit: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]


class Vision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which media a model's server can use; a picture that exceeds this is fitted to it."""

    formats: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif")
    """Media types that the server reads."""
    image_roles: tuple[Role, ...] = ("system", "developer", "user", "assistant")
    """In whose turns the server takes pictures; those of other turns travel in a following
    user turn that names where they come from."""
    max_images: Limit | None = None
    """Pictures in one request."""
    max_bytes: Limit | None = None
    """Bytes of one picture's file."""
    max_inline_bytes: Limit | None = None
    """Bytes of all media in one request together, as base64."""
    max_pixels: Limit | None = None
    """Pixels of one picture; more would be thrown away by the model."""
    max_aspect: Limit | None = None
    """How many times the short side of a picture goes into its long side; more is refused."""
    max_tokens_per_image: Limit | None = None
    """A picture that costs more tokens is shrunk until it does not. Needs `tokens`."""
    tokens: ImageTokens | None = None
    """What a picture costs. Without it pictures are neither counted nor shrunk to what the
    model sees."""
    video: bool = False
    """Whether the server takes a video as it is; others get single frames."""
    video_formats: tuple[str, ...] = ("video/mp4",)
    """Media types of videos that the server reads."""
    video_sampling: bool = False
    """Whether the server heeds `fps`, `start`, `end` and `max_frames` beside a video's URL. To
    others a video with one of these wishes goes as frames."""
    video_tokens: VideoTokens | None = None
    """What a video costs that travels as it is."""
    pdf: bool = False
    """Whether the server takes a PDF as it is; others get a picture of each page."""
    pdf_page_tokens: Limit | None = None
    """What a page costs of a PDF that travels as it is."""

    def __post_init__(self) -> None:
        if self.max_tokens_per_image is not None and self.tokens is None:
            raise ValueError("max_tokens_per_image needs tokens: how are they counted?")


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a million tokens cost, in millionths of `currency`, from `since` on."""

    input_micros: Annotated[int, msgspec.Meta(ge=0)]
    """For what the model is given."""
    output_micros: Annotated[int, msgspec.Meta(ge=0)]
    """For what it writes."""
    currency: str = "EUR"
    """ISO 4217."""
    since: date | None = None
    """The first day of this price."""

    @property
    def rates(self) -> Rates:
        """What `core.price` computes with."""
        return Rates(self.input_micros, self.output_micros)


class ProviderRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who runs models: `[[providers]]`."""

    name: Name
    dialect: Name
    """The language that it speaks, an entry point of the group `visus.providers`: `openai`, or
    `lite`, the model inside, or one that another package brings."""
    base_url: str | None = None
    """Up to and with the version: `https://models.example.test/v1`."""
    base_url_env: str | None = None
    """The environment variable that holds `base_url`, where the row has none."""
    api_key_env: str | None = None
    """The environment variable that holds the key; none: the server asks for no key."""
    api_key_header: Name = "Authorization"
    """`Authorization` sends `Bearer <key>`, any other name the bare key."""
    region: str = "global"
    """Where it runs: the operator's statement. `global` satisfies no residency."""
    country: str | None = None
    """ISO 3166 alpha-2."""
    location: str | None = None
    """The same in words."""
    refuses: tuple[OptionName, ...] = ()
    """Options that its server does not know, or ignores without a word: a question that asks
    for one of them is refused by name."""
    options: dict[str, Any] = {}
    """What this dialect can be told besides."""

    @property
    def site(self) -> Site:
        """What `residency` judges."""
        return Site(self.name, self.region, self.country)


class ModelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model that callers may ask for: `[[models]]`."""

    id: Name
    """Case-sensitive; what callers write."""
    provider: Name
    upstream_id: Name | None = None
    """Its name in its provider's mouth, where that differs from `id`."""
    display_name: str | None = None
    model_type: Literal["LLM", "EMBEDDING"] = "LLM"
    input_modalities: tuple[Modality, ...] = ("text",)
    output_modalities: tuple[Modality, ...] = ("text",)
    vision: Vision = Vision()
    """What it can look at; meaningless without `image` in `input_modalities`."""
    text_tokens: TextTokens = TextTokens()
    """What text costs it."""
    refuses: tuple[OptionName, ...] = ()
    """Options that it cannot honour, besides those of its provider's row."""
    max_sequence_length: Limit | None = None
    max_output_length: Limit | None = None
    hidden_size: Limit | None = None
    license: str | None = None
    lifecycle_stage: Literal["preview", "general-availability", "deprecated", "retired"] = (
        "general-availability"
    )
    end_of_life_date: date | None = None
    """From this day on its provider no longer runs it."""
    successor: str | None = None
    """The model that takes over when this one has ended."""
    price: Price | None = None

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

    def provider_of(self, model: ModelRow) -> ProviderRow:
        """The provider that runs `model`; `check` has made sure that there is one."""
        return next(row for row in self.providers if row.name == model.provider)

    def refused_by(self, model: ModelRow) -> tuple[OptionName, ...]:
        """The options that `model`, or whoever runs it, cannot honour."""
        return tuple(sorted({*model.refuses, *self.provider_of(model).refuses}))

    def check(self) -> None:
        """Refuses, as a ValueError, a name that stands twice or an unknown provider."""
        _refuse_twins("providers", (row.name for row in self.providers))
        _refuse_twins("models", (row.id for row in self.models))
        known = {row.name for row in self.providers}
        for number, model in enumerate(self.models):
            if model.provider not in known:
                message = f"models[{number}].provider: there is no provider {model.provider!r}"
                raise ValueError(message)


def shipped() -> Catalogue:
    """The rows that come with Visus."""
    text = resources.files("visus.models").joinpath("catalogue.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Catalogue)


def _refuse_twins(table: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            raise ValueError(f"{table}[{number}]: {name!r} is there twice")
        seen.add(name)
