"""Organisations and their projects: who pays, who owns files, what all keys of one may do."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.faults import storage_faults
from visus.accounts.limits import Limits
from visus.core.ids import new_id
from visus.core.places import Demand
from visus.errors import InvalidValue
from visus.models.residency import is_known

DEFAULT_ORGANISATION: Final = "org_default"
"""The organisation of projects that name none."""
MAX_NAME_CHARS: Final = 200
MAX_PLACES_CHARS: Final = 200
NO_PROVIDER: Final = ""
"""What an empty list of providers demands: nobody has this name."""
_limits: Final = msgspec.json.Decoder(Limits).decode
_names: Final = msgspec.json.Decoder(frozenset[str]).decode
_encode: Final = msgspec.json.Encoder().encode


class Organisation(NamedTuple):
    """A company, or a part of one."""

    organisation_id: str
    name: str
    created_at: int
    """Seconds since 1970."""


class ProjectTerms(NamedTuple):
    """What all keys of a project together may do."""

    residency: Sequence[str] = ()
    models: Sequence[str] | None = None
    limits: Limits | None = None
    """None: those of the settings."""
    budget_micros: int | None = None
    """For a calendar month in UTC, in millionths of the ledger's currency; None: no bound."""
    providers: Sequence[str] | None = None
    """The names of the providers that may be asked; None: any."""

    @property
    def demands(self) -> Sequence[Demand]:
        """Where its questions may go."""
        return demands(places_text(self.residency), names_json(self.providers))


UNBOUND: Final = ProjectTerms()


class Project(NamedTuple):
    """What asks questions, owns files and pays."""

    project_id: str
    organisation_id: str
    name: str
    created_at: int
    archived_at: int | None
    """Since when its keys are refused; None: they are not."""
    terms: ProjectTerms


@dataclass(frozen=True, slots=True)
class ProjectBook:
    """Every organisation and project, in the database. Blocking: call it off the event loop."""

    engine: sql.Engine

    def create_organisation(self, name: str) -> Organisation:
        """A new organisation.

        Raises:
            InvalidValue: no name, or too long a one.
        """
        made = Organisation(new_id("org_"), named(name), int(time.time()))
        row = {"id": made.organisation_id, "name": name, "created_at": made.created_at}
        with storage_faults(), self.engine.begin() as connection:
            connection.execute(sql.insert(tables.organisations).values(row))
        return made

    def organisations(self) -> Sequence[Organisation]:
        """Every organisation, oldest first."""
        table = tables.organisations
        query = sql.select(table).order_by(table.c.created_at, table.c.id)
        with storage_faults(), self.engine.connect() as connection:
            found = connection.execute(query)
            return [Organisation(row.id, row.name, row.created_at) for row in found]

    def create(
        self,
        name: str,
        terms: ProjectTerms = UNBOUND,
        *,
        organisation_id: str | None = None,
    ) -> Project:
        """A new project, of the default organisation where none is named.

        Raises:
            InvalidValue: no name, an unknown place, or no such organisation.
        """
        with storage_faults(), self.engine.begin() as connection:
            project_id = _insert(connection, named(name), terms, organisation_id)
            return _project(connection.execute(_one(project_id)).one())

    def change(self, project_id: str, terms: ProjectTerms) -> Project | None:
        """Other terms from now on; None where there is no such project.

        Raises:
            InvalidValue: an unknown place.
        """
        table = tables.projects
        change = sql.update(table).where(table.c.id == project_id).values(_terms_row(terms))
        return self._changed(project_id, change)

    def archive(self, project_id: str) -> Project | None:
        """Refuses all keys of a project from now on; None where there is no such project."""
        table = tables.projects
        change = (
            sql.update(table)
            .where(table.c.id == project_id, table.c.archived_at.is_(None))
            .values(archived_at=int(time.time()))
        )
        return self._changed(project_id, change)

    def find(self, project_id: str) -> Project | None:
        """The project of this id."""
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(_one(project_id)).first()
        return None if row is None else _project(row)

    def known(self) -> Sequence[Project]:
        """Every project, oldest first, the archived ones too."""
        table = tables.projects
        query = sql.select(table).order_by(table.c.created_at, table.c.id)
        with storage_faults(), self.engine.connect() as connection:
            return [_project(row) for row in connection.execute(query)]

    def _changed(self, project_id: str, change: sql.Update) -> Project | None:
        with storage_faults(), self.engine.begin() as connection:
            connection.execute(change)
            row = connection.execute(_one(project_id)).first()
        return None if row is None else _project(row)


def admit_project(connection: sql.Connection, project_id: str | None, *, name: str) -> str:
    """The id of that project, or of a new one called `name`.

    Raises:
        InvalidValue: there is no such project, or it is archived.
    """
    if project_id is None:
        return _insert(connection, named(name), UNBOUND, None)
    row = connection.execute(_one(project_id)).first()
    if row is None or row.archived_at is not None:
        raise InvalidValue("There is no such project.", param="project")
    return project_id


# --- What stands in the columns, for keys too ------------------------------------------------


def places_text(places: Sequence[str]) -> str | None:
    """What a column holds of places.

    Raises:
        InvalidValue: one of them is no place that we know.
    """
    if not all(map(is_known, places)):
        message = "A residency is a country's two letters, 'eu' or 'local'."
        raise InvalidValue(message, param="residency")
    text = ",".join(place.lower() for place in places)
    if len(text) > MAX_PLACES_CHARS:
        raise InvalidValue("These are too many places.", param="residency")
    return text or None


def demands(places: str | None, providers: str | None) -> Sequence[Demand]:
    """What a column of places and one of providers demand."""
    found: list[Demand] = []
    if places:
        found.append(Demand(None, places=tuple(places.split(","))))
    if providers is not None:
        found.append(Demand(None, only=sorted(names_of(providers) or (NO_PROVIDER,))))
    return found


def names_json(names: Sequence[str] | None) -> str | None:
    """What a column holds of models, or of providers."""
    return None if names is None else _encode(sorted(set(names))).decode()


def names_of(text: str | None) -> frozenset[str] | None:
    """The names of such a column."""
    return None if text is None else _names(text)


def limits_json(limits: Limits | None) -> str | None:
    """What a column holds of limits."""
    return None if limits is None else _encode(limits).decode()


def limits_of(text: str | None) -> Limits | None:
    """The limits of such a column."""
    return None if text is None else _limits(text)


def _insert(
    connection: sql.Connection, name: str, terms: ProjectTerms, organisation_id: str | None
) -> str:
    project_id = new_id("proj_")
    row = {
        "id": project_id,
        "organisation_id": _organisation(connection, organisation_id),
        "name": name,
        "created_at": int(time.time()),
        **_terms_row(terms),
    }
    connection.execute(sql.insert(tables.projects).values(row))
    return project_id


def _organisation(connection: sql.Connection, organisation_id: str | None) -> str:
    wanted = organisation_id or DEFAULT_ORGANISATION
    table = tables.organisations
    if connection.execute(sql.select(table.c.id).where(table.c.id == wanted)).first():
        return wanted
    if organisation_id is not None:
        raise InvalidValue("There is no such organisation.", param="organisation")
    values = {"id": wanted, "name": "default", "created_at": int(time.time())}
    connection.execute(sql.insert(table).values(values))
    return wanted


def _one(project_id: str) -> sql.Select[tuple[object, ...]]:
    return sql.select(tables.projects).where(tables.projects.c.id == project_id)


def _terms_row(terms: ProjectTerms) -> dict[str, object]:
    return {
        "residency": places_text(terms.residency),
        "models": names_json(terms.models),
        "limits": limits_json(terms.limits),
        "budget_micros": terms.budget_micros,
        "providers": names_json(terms.providers),
    }


def _project(row: sql.Row[tuple[object, ...]]) -> Project:
    models, providers = names_of(row.models), names_of(row.providers)
    return Project(
        row.id,
        row.organisation_id,
        row.name,
        row.created_at,
        row.archived_at,
        ProjectTerms(
            tuple(row.residency.split(",")) if row.residency else (),
            None if models is None else sorted(models),
            limits_of(row.limits),
            row.budget_micros,
            None if providers is None else sorted(providers),
        ),
    )


def named(name: str) -> str:
    """The name.

    Raises:
        InvalidValue: it is none, is too long, or holds what no database takes.
    """
    if not 1 <= len(name) <= MAX_NAME_CHARS or "\0" in name:
        message = f"A name has 1 to {MAX_NAME_CHARS} characters, and none is NUL."
        raise InvalidValue(message, param="name")
    return name
