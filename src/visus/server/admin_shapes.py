"""What administrators send and get: organisations, projects and keys as JSON."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from visus.accounts.keys import Key, Terms
from visus.accounts.limits import NO_LIMITS, Limits
from visus.accounts.projects import MAX_NAME_CHARS, Organisation, Project, ProjectTerms
from visus.accounts.usage import Spending
from visus.accounts.webhooks import WebhookSecret
from visus.core.question import Blind

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARS)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]
"""Of something that may be there; no NUL, which not every database takes."""
Micros = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]
"""Seconds since 1970, up to the year 9999."""
MAX_OVERLAP_S = 90 * 86_400


class NewOrganisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation to be made."""

    name: Name


class ProjectChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a project's terms is to be another. What is not here stays; null: no bound."""

    residency: list[str] | UnsetType = UNSET
    models: list[str] | UnsetType | None = UNSET
    limits: Limits | UnsetType | None = UNSET
    monthly_budget_micros: Micros | UnsetType | None = UNSET
    providers: list[str] | UnsetType | None = UNSET
    """The names of the only ones that may be asked."""

    def applied(self, to: ProjectTerms) -> ProjectTerms:
        """The terms as they are to be."""
        budget = self.monthly_budget_micros
        return ProjectTerms(
            to.residency if self.residency is UNSET else tuple(self.residency),
            to.models if self.models is UNSET else self.models,
            to.limits if self.limits is UNSET else self.limits,
            to.budget_micros if budget is UNSET else budget,
            to.providers if self.providers is UNSET else self.providers,
        )


class NewProject(ProjectChange, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A project to be made."""

    name: Name
    organisation: Id | None = None
    """Its id; the default one where none is named."""


class KeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a key's terms is to be another. What is not here stays; null: no bound."""

    residency: list[str] | UnsetType = UNSET
    blind: Blind | UnsetType | None = UNSET
    models: list[str] | UnsetType | None = UNSET
    limits: Limits | UnsetType | None = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    providers: list[str] | UnsetType | None = UNSET
    """The names of the only ones that may be asked."""

    def applied(self, to: Terms) -> Terms:
        """The terms as they are to be."""
        limits = self.limits
        return Terms(
            to.residency if self.residency is UNSET else tuple(self.residency),
            to.blind if self.blind is UNSET else self.blind,
            to.models if self.models is UNSET else self.models,
            to.limits if limits is UNSET else limits or NO_LIMITS,
            to.expires_at if self.expires_at is UNSET else self.expires_at,
            to.providers if self.providers is UNSET else self.providers,
        )


class NewKey(KeyChange, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key to be made."""

    name: Name
    project: Id | None = None
    """Its id; the key gets a project of its own where none is named."""


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a key, or a secret, is to be replaced."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_OVERLAP_S)] = 86_400
    """How long the old one is still valid."""


class OrganisationObject(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation."""

    id: str
    object: str = "organisation"
    name: str
    created_at: int


class ProjectObject(msgspec.Struct, frozen=True, kw_only=True):
    """A project, and how it stands with its money this month."""

    id: str
    object: str = "project"
    organisation: str
    name: str
    created_at: int
    archived_at: int | None
    residency: Sequence[str]
    providers: Sequence[str] | None
    models: Sequence[str] | None
    limits: Limits | None
    monthly_budget_micros: int | None
    month: str
    spent_micros: int
    held_micros: int


class KeyObject(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what makes it one."""

    id: str
    object: str = "api_key"
    name: str
    project: str | None
    is_admin: bool
    ends_in: str
    created_at: int
    revoked_at: int | None
    expires_at: int | None
    state: str
    """`valid`, `revoked`, `expired` or `archived`."""
    residency: Sequence[str]
    providers: Sequence[str] | None
    blind: Blind | None
    models: Sequence[str] | None
    limits: Limits
    secret: str | None = None
    """The key itself: shown once, when it is made."""


class WebhookSecretObject(msgspec.Struct, frozen=True, kw_only=True):
    """What signs the webhooks of a project, without what makes it one."""

    id: str
    object: str = "webhook_secret"
    project: str
    ends_in: str
    created_at: int
    expires_at: int | None
    """When it signs no more; null: until there is another."""
    secret: str | None = None
    """The secret itself: shown once, when it is made."""


def webhook_secret_object(one: WebhookSecret, secret: str | None = None) -> WebhookSecretObject:
    """A secret as JSON."""
    return WebhookSecretObject(
        id=one.secret_id,
        project=one.project_id,
        ends_in=one.hint,
        created_at=one.created_at,
        expires_at=one.expires_at,
        secret=secret,
    )


def organisation_object(one: Organisation) -> OrganisationObject:
    """An organisation as JSON."""
    return OrganisationObject(id=one.organisation_id, name=one.name, created_at=one.created_at)


def project_object(one: Project, spending: Spending) -> ProjectObject:
    """A project as JSON."""
    return ProjectObject(
        id=one.project_id,
        organisation=one.organisation_id,
        name=one.name,
        created_at=one.created_at,
        archived_at=one.archived_at,
        residency=one.terms.residency,
        providers=one.terms.providers,
        models=one.terms.models,
        limits=one.terms.limits,
        monthly_budget_micros=one.terms.budget_micros,
        month=spending.month,
        spent_micros=spending.spent_micros,
        held_micros=spending.held_micros,
    )


def key_object(key: Key, terms: Terms, *, now_s: float, secret: str | None = None) -> KeyObject:
    """A key as JSON."""
    return KeyObject(
        id=key.key_id,
        name=key.name,
        project=key.project_id or None,
        is_admin=key.is_admin,
        ends_in=key.hint,
        created_at=key.created_at,
        revoked_at=key.revoked_at,
        expires_at=key.expires_at,
        state=key.state(now_s),
        residency=terms.residency,
        providers=terms.providers,
        blind=terms.blind,
        models=terms.models,
        limits=terms.limits,
        secret=secret,
    )
