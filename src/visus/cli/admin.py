"""`visus admin`: organisations, projects, keys and webhook secrets, in the database."""

import argparse
import sys
import time
from collections.abc import Container, Iterable, Sequence

from rich.table import Table

from visus.accounts.keys import USUAL, Key, KeyBook, Terms
from visus.accounts.limits import Limits
from visus.accounts.projects import UNBOUND, Project, ProjectBook, ProjectTerms
from visus.accounts.usage import UsageBook
from visus.accounts.webhooks import WebhookSecrets
from visus.cli.configured import configuration
from visus.cli.tables import show
from visus.cli.values import MICROS, NONE
from visus.core.places import Demand
from visus.errors import InvalidValue
from visus.server.state import open_book


def run(options: argparse.Namespace) -> int:
    """Makes, lists, changes and ends organisations, projects and keys."""
    chosen = configuration(options)
    if "models" in options:
        _check_names("model", options.models, chosen.catalogue.names)
        _check_names("provider", options.providers, chosen.access)
    book = open_book(chosen)
    try:
        return _ACTIONS[options.thing, options.action](book, options)
    finally:
        book.close()


# --- Organisations and projects --------------------------------------------------------------


def _new_organisation(book: KeyBook, options: argparse.Namespace) -> int:
    print(ProjectBook(book.engine).create_organisation(options.name).organisation_id)
    return 0


def _organisations(book: KeyBook, _options: argparse.Namespace) -> int:
    found = ProjectBook(book.engine).organisations()
    rows = [(one.organisation_id, one.name, day(one.created_at)) for one in found]
    return _print(("id", "name", "made"), rows)


def _new_project(book: KeyBook, options: argparse.Namespace) -> int:
    made = ProjectBook(book.engine).create(
        options.name,
        _project_terms(options, UNBOUND),
        organisation_id=options.organisation,
    )
    print(made.project_id)
    return 0


def _projects(book: KeyBook, _options: argparse.Namespace) -> int:
    usage = UsageBook(book.engine)
    rows: list[tuple[str, ...]] = []
    for one in ProjectBook(book.engine).known():
        spent = usage.spending(one.project_id, now_s=time.time())
        rows.append(
            (
                one.project_id,
                one.name,
                one.organisation_id,
                _project_bounds(one),
                _money(spent.spent_micros),
                "archived" if one.archived_at else "open",
            )
        )
    return _print(("id", "name", "organisation", "may", "spent this month", "state"), rows)


def _change_project(book: KeyBook, options: argparse.Namespace) -> int:
    projects = ProjectBook(book.engine)
    found = projects.find(options.project_id)
    if found is None:
        return missing("project", options.project_id)
    projects.change(options.project_id, _project_terms(options, found.terms))
    print(f"{options.project_id} is changed.")
    return 0


def _archive_project(book: KeyBook, options: argparse.Namespace) -> int:
    if ProjectBook(book.engine).archive(options.project_id) is None:
        return missing("project", options.project_id)
    print(f"{options.project_id} is archived: its keys are refused.")
    return 0


# --- Keys ------------------------------------------------------------------------------------


def _new_key(book: KeyBook, options: argparse.Namespace) -> int:
    if options.admin:
        return shown(*book.create_admin(options.name))
    terms = _key_terms(options, USUAL)
    return shown(*book.create(options.name, terms, project_id=options.project))


def _keys(book: KeyBook, _options: argparse.Namespace) -> int:
    now_s = time.time()
    rows = [
        (
            one.key_id,
            one.name,
            "administrator" if one.is_admin else one.project_id,
            f"…{one.hint}",
            _key_bounds(one),
            day(one.expires_at) if one.expires_at else "",
            one.state(now_s),
        )
        for one in book.known()
    ]
    return _print(("id", "name", "project", "ends in", "may", "until", "state"), rows)


def _change_key(book: KeyBook, options: argparse.Namespace) -> int:
    terms = book.terms(options.key_id)
    if terms is None or not book.change(options.key_id, _key_terms(options, terms)):
        return missing("valid key", options.key_id)
    print(f"{options.key_id} is changed.")
    return 0


def _rotate_key(book: KeyBook, options: argparse.Namespace) -> int:
    made = book.rotate(options.key_id, overlap_s=options.overlap)
    return missing("valid key", options.key_id) if made is None else shown(*made)


def revoke_key(book: KeyBook, options: argparse.Namespace) -> int:
    """Ends a key."""
    if not book.revoke(options.key_id):
        return missing("valid key", options.key_id)
    print(f"{options.key_id} is revoked.")
    return 0


# --- What signs webhooks ---------------------------------------------------------------------


def _new_secret(book: KeyBook, options: argparse.Namespace) -> int:
    if ProjectBook(book.engine).find(options.project_id) is None:
        return missing("project", options.project_id)
    secrets = WebhookSecrets(book.engine)
    one, secret = secrets.create(options.project_id, overlap_s=options.overlap)
    print(f"{one.secret_id}: keep the secret, it is not shown again.", file=sys.stderr)
    print(secret)
    return 0


def _secrets(book: KeyBook, options: argparse.Namespace) -> int:
    rows = [
        (
            one.secret_id,
            f"…{one.hint}",
            day(one.created_at),
            "" if one.expires_at is None else moment(one.expires_at),
        )
        for one in WebhookSecrets(book.engine).known(options.project_id)
    ]
    return _print(("id", "ends in", "made", "signs until"), rows)


def _revoke_secret(book: KeyBook, options: argparse.Namespace) -> int:
    secrets = WebhookSecrets(book.engine)
    if not secrets.revoke(options.secret_id, project_id=options.project_id):
        return missing("valid secret", options.secret_id)
    print(f"{options.secret_id} signs no more.")
    return 0


_ACTIONS = {
    ("organisations", "create"): _new_organisation,
    ("organisations", "list"): _organisations,
    ("projects", "create"): _new_project,
    ("projects", "list"): _projects,
    ("projects", "set"): _change_project,
    ("projects", "archive"): _archive_project,
    ("keys", "create"): _new_key,
    ("keys", "list"): _keys,
    ("keys", "set"): _change_key,
    ("keys", "rotate"): _rotate_key,
    ("keys", "revoke"): revoke_key,
    ("webhooks", "create"): _new_secret,
    ("webhooks", "list"): _secrets,
    ("webhooks", "revoke"): _revoke_secret,
}


# --- What is written and shown ---------------------------------------------------------------


def _check_names(what: str, wanted: Sequence[str] | None, known: Container[str]) -> None:
    """Refuses a model or provider that the catalogue has not: it is probably mistyped."""
    for one in wanted or ():
        if one != NONE and one not in known:
            message = f"The {what} {one[:100]!r} does not exist here."
            raise InvalidValue(message, param=f"--{what}s")


def _project_terms(options: argparse.Namespace, now: ProjectTerms) -> ProjectTerms:
    budget = now.budget_micros
    if options.budget is not None:
        budget = None if options.budget == NONE else options.budget
    limits = _limits(options, now.limits or Limits())
    return ProjectTerms(
        _residency(options.residency, now.residency),
        _listed(options.models, now.models),
        now.limits if limits == (now.limits or Limits()) else limits,
        budget,
        _listed(options.providers, now.providers),
    )


def _key_terms(options: argparse.Namespace, now: Terms) -> Terms:
    return Terms(
        _residency(options.residency, now.residency),
        options.blind or now.blind,
        _listed(options.models, now.models),
        _limits(options, now.limits),
        _end(options.expires_in, now.expires_at),
        _listed(options.providers, now.providers),
    )


def _end(wanted_s: int | str | None, now: int | None) -> int | None:
    if wanted_s is None:
        return now
    return None if isinstance(wanted_s, str) else int(time.time()) + wanted_s


def _residency(wanted: Sequence[str] | None, now: Sequence[str]) -> Sequence[str]:
    if not wanted:
        return now
    return () if NONE in wanted else tuple(wanted)


def _listed(wanted: Sequence[str] | None, now: Sequence[str] | None) -> Sequence[str] | None:
    if not wanted:
        return now
    return None if NONE in wanted else list(wanted)


def _limits(options: argparse.Namespace, now: Limits) -> Limits:
    def chosen(wanted: int | str | None, before: int | None) -> int | None:
        if wanted is None:
            return before
        return None if isinstance(wanted, str) else wanted

    return Limits(
        chosen(options.requests, now.requests_per_minute),
        chosen(options.input_tokens, now.input_tokens_per_minute),
        chosen(options.output_tokens, now.output_tokens_per_minute),
        chosen(options.concurrent, now.concurrent_requests),
    )


def _project_bounds(one: Project) -> str:
    terms = one.terms
    budget = () if terms.budget_micros is None else (f"{_money(terms.budget_micros)} a month",)
    return "; ".join((*_bounds(terms.demands, terms.models, terms.limits), *budget))


def _key_bounds(one: Key) -> str:
    models = None if one.models is None else sorted(one.models)
    return "; ".join(_bounds(one.within, models, one.limits))


def _bounds(
    within: Sequence[Demand], models: Sequence[str] | None, limits: Limits | None
) -> Iterable[str]:
    for demand in within:
        if demand.places:
            yield f"in {' or '.join(demand.places)}"
        if demand.only:
            yield f"at {' or '.join(demand.only)}"
    if models is not None:
        yield ", ".join(models) or "no model"
    if limits is None:
        return
    for count, what in (
        (limits.requests_per_minute, "requests a minute"),
        (limits.input_tokens_per_minute, "input tokens a minute"),
        (limits.output_tokens_per_minute, "output tokens a minute"),
        (limits.concurrent_requests, "at once"),
    ):
        if count is not None:
            yield f"{count} {what}"


def _print(names: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    table = Table(*names)
    for row in rows:
        table.add_row(*row)
    show(table)
    return 0


def shown(key: Key, secret: str) -> int:
    """Prints a new key, which cannot be shown again."""
    print(f"{key.key_id}: keep the key, it is not shown again.", file=sys.stderr)
    print(secret)
    return 0


def missing(what: str, wanted: str) -> int:
    """Says that there is none of this id."""
    print(f"There is no {what} {wanted!r}.", file=sys.stderr)
    return 1


def _money(micros: int) -> str:
    return f"{micros / MICROS:.2f}"


def day(seconds: int) -> str:
    """`2026-11-28`, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def moment(seconds: int) -> str:
    """`2026-11-28 14:05:00`, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
