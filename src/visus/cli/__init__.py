"""The command line: parses arguments and calls the same parts as the server.

Each command lives in a module of its own, which is imported when it is called: `visus serve`
should not wait for the table printer.
"""

import argparse
import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from visus.accounts.schema import StateRefused
from visus.cli import values
from visus.config import ConfigRefused
from visus.errors import ServiceError

FAILED = 1
USAGE = 2
"""Exit codes."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    command = import_module(f"visus.cli.{options.command}")
    gc.freeze()  # `visus.__main__` has it off while modules are read; they stay until the end
    gc.enable()
    try:
        code: int = command.run(options)
    except (ConfigRefused, StateRefused) as refusal:
        print(refusal, file=sys.stderr)
        return FAILED
    except ServiceError as refusal:
        where = f" ({refusal.param})" if refusal.param else ""
        print(f"{refusal.message}{where} [{refusal.code}]", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="visus", description="Ask any vision model, through one OpenAI-compatible API."
    )
    parser.add_argument("--version", action="version", version=version("visus"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _serve(commands.add_parser("serve", help="answer requests on a port"))
    _ask(commands.add_parser("ask", help="ask about pictures, here or on a server"))
    _inspect(commands.add_parser("inspect", help="show what a model would see, and its cost"))
    _models(commands.add_parser("models", help="list the models"))
    _providers(commands.add_parser("providers", help="check what providers can do"))
    _pull(commands.add_parser("pull", help="download a model to this machine"))
    _rm(commands.add_parser("rm", help="remove a model that was pulled"))
    _keys(commands.add_parser("keys", help="create, list and revoke API keys"))
    _admin(commands.add_parser("admin", help="organisations, projects, keys, webhooks"))
    _usage(commands.add_parser("usage", help="show what was used, and what it cost"))
    _with_config(commands.add_parser("doctor", help="check what is ready and what is missing"))
    return parser


def _with_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file of settings")
    parser.add_argument("--state", metavar="DIR", help="where keys are kept (default .visus)")


def _serve(parser: argparse.ArgumentParser) -> None:
    _with_config(parser)
    parser.add_argument("--host", help="the address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port to listen on (default 8000)")
    parser.add_argument("--workers", type=int, help="processes that answer (default 1)")
    parser.add_argument("--listener", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="print 'ready' alone, and no key: for what keeps standard output as a log",
    )


def _ask(parser: argparse.ArgumentParser) -> None:
    _with_config(parser)
    parser.usage = "visus ask [options] FILE_OR_URL... [QUESTION]"
    parser.add_argument(
        "words",
        nargs="+",
        metavar="WORD",
        help="pictures ('-' is standard input) and, last, the question",
    )
    parser.add_argument(
        "--model", default="visus-lite", help="which model (default visus-lite)"
    )
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    parser.add_argument(
        "--server", metavar="URL", help="ask this server (ends in /v1; key in OPENAI_API_KEY)"
    )


def _inspect(parser: argparse.ArgumentParser) -> None:
    _with_config(parser)
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE_OR_URL",
        help="pictures, videos and documents ('-' is standard input)",
    )
    parser.add_argument(
        "--model", default="visus-lite", help="prepare for this model (default visus-lite)"
    )
    parser.add_argument(
        "--detail", default="auto", choices=("auto", "low", "high"), help="of every picture"
    )
    parser.add_argument(
        "--frames",
        type=int,
        metavar="N",
        help="of an animation, or pages of a TIFF (default 1)",
    )
    parser.add_argument(
        "--pages", metavar="RANGES", help="of each document, as '1-3,7,10-' (default all)"
    )
    parser.add_argument(
        "--max-tokens-per-image", type=int, metavar="N", help="shrink what would cost more"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("visus-inspect.png"),
        metavar="FILE",
        help="where the pictures go (default visus-inspect.png)",
    )


def _models(parser: argparse.ArgumentParser) -> None:
    _with_config(parser)
    parser.add_argument("--all", action="store_true", help="also those that cannot answer now")


def _providers(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="test each provider with a few small questions")
    check.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    _with_config(check)


def _pull(parser: argparse.ArgumentParser) -> None:
    _with_config(parser)
    parser.add_argument("model", metavar="NAME_OR_URL", help="a preset, or a .gguf file")
    parser.add_argument("--sha256", help="the expected digest of the file")
    parser.add_argument(
        "--projector", metavar="URL", help="the file that encodes pictures (mmproj)"
    )
    parser.add_argument(
        "--projector-sha256", metavar="SHA256", help="the expected digest of the projector"
    )
    parser.add_argument("--name", help="the model id (default: the file's name)")


def _rm(parser: argparse.ArgumentParser) -> None:
    _with_config(parser)
    parser.add_argument("model", help="its name, from 'visus models'")


def _keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="create a key and show it once")
    create.add_argument("name", help="what it is for")
    create.add_argument(
        "--residency",
        action="append",
        default=[],
        metavar="PLACE",
        help="answer its questions there only: a country's two letters, 'eu' or 'local'; "
        "given twice, either will do",
    )
    create.add_argument(
        "--blind",
        choices=("refuse", "reroute", "describe"),
        help="what becomes of pictures for a model of text alone (default: the settings)",
    )
    revoke = actions.add_parser("revoke", help="revoke a key")
    revoke.add_argument("key_id", help="its id, from 'visus keys list'")
    for action in (create, actions.add_parser("list", help="list the keys"), revoke):
        _with_config(action)


def _admin(parser: argparse.ArgumentParser) -> None:
    add = parser.add_subparsers(dest="thing", required=True, metavar="THING").add_parser
    organisations = _actions(add, "organisations", "groups of projects")
    organisations["create"].add_argument("name")
    _admin_projects(_actions(add, "projects", "owners of files and budgets", "set", "archive"))
    _admin_keys(_actions(add, "keys", "API keys", "set", "rotate", "revoke"))
    webhooks = _actions(add, "webhooks", "secrets that sign webhooks", "revoke")
    for action in webhooks.values():
        action.add_argument("project_id", metavar="PROJECT")
    _overlap(webhooks["create"], "how long the previous secret stays valid")
    webhooks["revoke"].add_argument("secret_id", metavar="ID")


def _admin_projects(projects: Mapping[str, argparse.ArgumentParser]) -> None:
    projects["create"].add_argument("name")
    projects["create"].add_argument(
        "--organisation", metavar="ID", help="the organisation that it belongs to"
    )
    for name in ("set", "archive"):
        projects[name].add_argument("project_id", metavar="ID")
    for name in ("create", "set"):
        _terms(projects[name])
        projects[name].add_argument(
            "--budget",
            type=values.micros,
            metavar="AMOUNT",
            help="for a month, in the ledger's currency",
        )


def _admin_keys(keys: Mapping[str, argparse.ArgumentParser]) -> None:
    keys["create"].add_argument("name")
    keys["create"].add_argument("--project", metavar="ID", help="default: one of its own")
    keys["create"].add_argument(
        "--admin", action="store_true", help="a key for /admin, and for nothing else"
    )
    for name in ("set", "rotate", "revoke"):
        keys[name].add_argument("key_id", metavar="ID")
    for name in ("create", "set"):
        _terms(keys[name])
        keys[name].add_argument("--blind", choices=("refuse", "reroute", "describe"))
        keys[name].add_argument(
            "--expires-in", type=values.days_s, metavar="DAYS", help="from now on"
        )
    _overlap(keys["rotate"], "how long the old key stays valid")


def _overlap(action: argparse.ArgumentParser, what: str) -> None:
    action.add_argument(
        "--overlap",
        type=values.seconds,
        default=values.DAY_S,
        metavar="SECONDS",
        help=f"{what} (default a day)",
    )


def _actions(
    add: Callable[..., argparse.ArgumentParser], thing: str, summary: str, *more: str
) -> dict[str, argparse.ArgumentParser]:
    parser = add(thing, help=summary)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = {name: actions.add_parser(name) for name in ("create", "list", *more)}
    for action in made.values():
        _with_config(action)
    return made


def _terms(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "'none' in the place of a value takes the bound away."
    parser.add_argument(
        "--residency",
        action="append",
        metavar="PLACE",
        help="a country's two letters, 'eu' or 'local'; given twice, either will do",
    )
    parser.add_argument(
        "--models", nargs="+", metavar="MODEL", help="the only ones that may be asked"
    )
    parser.add_argument(
        "--providers", nargs="+", metavar="NAME", help="the only ones that may be asked"
    )
    for name, what in (
        ("--requests", "requests a minute"),
        ("--input-tokens", "input tokens a minute"),
        ("--output-tokens", "output tokens a minute"),
        ("--concurrent", "requests at the same time"),
    ):
        parser.add_argument(name, type=values.count, metavar="N", help=what)


def _usage(parser: argparse.ArgumentParser) -> None:
    _with_config(parser)
    parser.add_argument("--since", metavar="DAY", help="like 2026-11-01 (default 30 days ago)")
    parser.add_argument("--until", metavar="DAY", help="the last day (default now)")
    parser.add_argument("--bucket", default="day", help="hour, day (the default) or all")
    parser.add_argument(
        "--by",
        default="model",
        help="project, key, model, provider, region; with commas; in a table, modality too",
    )
    parser.add_argument("--project", metavar="ID", help="only this one's")
    parser.add_argument(
        "--format", default="table", choices=("table", "csv", "json"), help="default table"
    )
