"""The files under deploy/ fit each other, the configuration and the tools that read them."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import msgspec
import pytest
from tests.support.service import ROOT, Service

from visus import config
from visus.accounts.address import postgres_address
from visus.accounts.redis_address import redis_address
from visus.cli import _parser
from visus.server.authenticate import OPEN_PATHS
from visus.units import MIB

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "visus"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
UNIT = (DEPLOY / "systemd" / "visus.service").read_text()
COMPOSE: dict[str, Any] = msgspec.yaml.decode((DEPLOY / "compose.yaml").read_bytes())
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
DEFAULTS = config.load(None, {}).settings
GRACE_S = DEFAULTS.server.shutdown_grace_s
POOLS = (
    DEFAULTS.decoders,
    DEFAULTS.lite.workers,
    DEFAULTS.media.video.workers,
    DEFAULTS.media.documents.workers,
    DEFAULTS.answers.workers,
)
NEEDED_BYTES = sum(pool.count * pool.memory_bytes for pool in POOLS) + 512 * MIB
"""All workers at their bounds, and the server."""
BESIDE = "redis://redis:6379/0"
OLDEST_KUBERNETES, NEWEST_KUBERNETES = "1.27", "1.37"


def settings_by(variables: dict[str, str]) -> config.Settings:
    """What these variables set; a test fails where one of them is no setting."""
    ours = {name: value for name, value in variables.items() if name.startswith("VISUS_")}
    assert all("__" in name for name in ours)
    return config.load(None, ours).settings


def is_served(words: list[str]) -> bool:
    """Whether these words after `visus` start the service without printing a key."""
    options = _parser().parse_args(words)
    return bool(options.command == "serve" and options.quiet)


def stands_for(size: str) -> int:
    """Bytes of `6G`, `6g` or `6Gi`."""
    found = re.fullmatch(r"(\d+)[Gg]i?", size)
    assert found
    return int(found[1]) * 1024 * MIB


# --- The image -------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile, an instruction at a time, without its comments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return [(name, " ".join(rest.split())) for name, rest in pairs]


def last_stage() -> list[tuple[str, str]]:
    every = instructions()
    return every[max(n for n, (name, _) in enumerate(every) if name == "FROM") :]


def of(name: str) -> str:
    """What an instruction says that stands once in the last stage."""
    (found,) = (rest for each, rest in last_stage() if each == name)
    return found


def is_let_in(path: str) -> bool:
    """Whether .dockerignore leaves this path to the build; its last rule that fits decides."""
    ruling = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = rule.removeprefix("!").replace("**/", "*")
        outer = (path, *(str(one) for one in Path(path).parents))
        if (
            rule
            and not rule.startswith("#")
            and any(fnmatch.fnmatch(o, pattern) for o in outer)
        ):
            ruling = rule.startswith("!")
    return ruling


def test_everything_that_is_copied_is_there_and_let_in() -> None:
    copies = [rest.split() for name, rest in instructions() if name == "COPY"]
    sources = [word for words in copies if "--from" not in words[0] for word in words[:-1]]
    assert {"src", "pyproject.toml", "requirements/runtime.lock"} <= set(sources)
    assert [one for one in sources if not (ROOT / one).exists() or not is_let_in(one)] == []
    assert is_let_in("src/visus/models/catalogue.toml")


@pytest.mark.parametrize(
    "path",
    [".git/config", ".visus/first-key", ".venv/bin/python", "deploy/.env", "tests/conftest.py",
     "src/visus/local/lite/.cache/reader.onnx", "src/visus/__pycache__/errors.pyc"],
)  # fmt: skip
def test_nothing_else_gets_into_the_build(path: str) -> None:
    assert not is_let_in(path)


def test_the_image_installs_what_make_serve_installs() -> None:
    def installs(text: str) -> list[set[str]]:
        lines = re.findall(r"pip install ([^&\n]*)", text.replace("\\\n", " "))
        noise = {"--quiet", "--disable-pip-version-check", "--editable", "."}
        return [set(line.split()) - noise for line in lines]

    rule = (ROOT / "Makefile").read_text().partition("runtime.ok: ")[2].partition("touch")[0]
    assert installs(DOCKERFILE) == installs(rule)
    assert "-m visus.local.lite.convert" in rule
    assert "-m visus.local.lite.convert" in DOCKERFILE


def test_every_image_is_named_by_a_version() -> None:
    (base,) = (rest.partition("=")[2] for name, rest in instructions() if name == "ARG")
    froms = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert set(froms) == {"${BASE}"}
    images = [base, *(one["image"] for one in COMPOSE["services"].values())]
    assert [one for one in images if not re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", one)] == []


def test_the_image_runs_as_a_user_without_rights() -> None:
    uid, _, gid = of("USER").partition(":")
    assert uid.isdigit()
    assert gid.isdigit()
    assert int(uid) >= 10_000
    made = next(rest for name, rest in last_stage() if name == "RUN")
    assert f"--uid {uid} " in made
    assert f"--gid {gid} " in made


def test_the_image_holds_no_compiler() -> None:
    made = " ".join(rest for name, rest in last_stage() if name == "RUN")
    packages = re.findall(r"apt-get install ([^&]*)", made)
    assert len(packages) == 1
    names = {word for word in packages[0].split() if not word.startswith("-")}
    assert names == {"ca-certificates", "libgomp1", "python3"}


def test_the_image_keeps_all_that_lasts_in_its_volume() -> None:
    variables = dict(word.split("=", 1) for word in of("ENV").split())
    made = settings_by(variables)
    (volume,) = json.loads(of("VOLUME"))
    assert made.state.dir == volume
    assert Path(made.gguf.dir).is_relative_to(volume)
    assert made.server.host == "0.0.0.0"  # noqa: S104 -- inside its own network
    assert str(made.server.port) == of("EXPOSE")
    assert f":{made.server.port}/health" in of("HEALTHCHECK")


def test_the_image_starts_the_service_and_takes_other_commands() -> None:
    (program,) = json.loads(of("ENTRYPOINT"))
    assert program == "visus"
    assert is_served(json.loads(of("CMD")))
    assert of("STOPSIGNAL") == "SIGTERM"


def test_the_image_tells_a_service_that_answers_from_one_that_does_not(
    service: Service,
) -> None:
    words = json.loads(of("HEALTHCHECK").partition("CMD ")[2])

    def health(port: int) -> int:
        asked = [sys.executable, *(w.replace(":8000/", f":{port}/") for w in words[1:])]
        return subprocess.run(asked, check=False, capture_output=True).returncode  # noqa: S603 -- our file

    assert health(service.port) == 0
    assert health(9) != 0


# --- Compose ---------------------------------------------------------------------------------


def composed(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What Docker Compose makes of the file, with these variables alone."""
    command = ["docker-compose", "--file", str(DEPLOY / "compose.yaml"), *words, "config"]
    given = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=given)  # noqa: S603 -- reads our file


@pytest.mark.parametrize("words", [(), ("--profile", "vllm")], ids=["bare", "vllm"])
def test_compose_takes_the_file(words: tuple[str, ...]) -> None:
    done = composed(*words, POSTGRES_PASSWORD="s3cret")
    assert done.returncode == 0, done.stderr
    made = msgspec.yaml.decode(done.stdout)["services"]
    assert {"visus", "postgres"} <= set(made)
    read = settings_by(made["visus"]["environment"])
    address = postgres_address(read.accounts.database)
    assert address is not None
    server = made["postgres"]["environment"]
    assert dict(address.parameters) == {
        "host": "postgres",
        "port": "5432",
        "user": server["POSTGRES_USER"],
        "password": server["POSTGRES_PASSWORD"],
        "dbname": server["POSTGRES_DB"],
    }


def test_compose_counts_in_redis_where_it_is_told_to() -> None:
    done = composed("--profile", "redis", POSTGRES_PASSWORD="s", VISUS_LIMITS__REDIS=BESIDE)
    made = msgspec.yaml.decode(done.stdout)["services"]
    address = redis_address(settings_by(made["visus"]["environment"]).limits.redis)
    assert address.host in made
    assert "noeviction" in made["redis"]["command"]
    bare = msgspec.yaml.decode(composed(POSTGRES_PASSWORD="s").stdout)["services"]
    assert COMPOSE["services"]["redis"]["profiles"] == ["redis"]
    assert not settings_by(bare["visus"]["environment"]).limits.redis


def test_compose_makes_no_database_without_a_password() -> None:
    done = composed()
    assert done.returncode != 0
    assert "POSTGRES_PASSWORD" in done.stderr


def test_the_database_is_reached_by_visus_alone() -> None:
    assert COMPOSE["networks"]["database"]["internal"] is True
    for name in ("postgres", "redis"):
        assert COMPOSE["services"][name]["networks"] == ["database"]
        assert "ports" not in COMPOSE["services"][name]
    inside = [
        n for n, one in COMPOSE["services"].items() if "database" in one.get("networks", ())
    ]
    assert sorted(inside) == ["postgres", "redis", "visus"]


def test_no_service_may_gain_rights() -> None:
    for name, one in COMPOSE["services"].items():
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert not one.get("privileged"), name
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ())), name
    for name in ("visus", "postgres", "redis"):
        assert COMPOSE["services"][name]["read_only"] is True


def test_every_variable_of_compose_is_one_that_visus_reads() -> None:
    read = config.load(DEPLOY / "visus.toml", {})
    rows = [access.row for access in read.access.values()]
    known = {name for row in rows for name in (row.api_key_env, row.base_url_env)}
    traced = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "name=value",
    }
    traces = config.load(DEPLOY / "visus.toml", traced).traces
    assert traces is not None
    assert (traces.url, list(traces.headers)) == ("http://collector:4318/v1/traces", ["name"])
    assert config.load(DEPLOY / "visus.toml", dict.fromkeys(traced, "")).traces is None
    known |= traced.keys()
    given = COMPOSE["services"]["visus"]["environment"]
    keys = {name: value for name, value in given.items() if not name.startswith("VISUS_")}
    assert set(keys) <= known
    assert keys == {name: f"${{{name}:-}}" for name in keys}


def test_compose_starts_the_service_with_the_file_beside_it() -> None:
    visus = COMPOSE["services"]["visus"]
    assert is_served(visus["command"])
    assert "./visus.toml:/etc/visus/visus.toml:ro" in visus["volumes"]
    assert visus["command"][-1] == "/etc/visus/visus.toml"
    assert any(one.startswith("state:/var/lib/visus") for one in visus["volumes"])
    assert visus["image"] == f"visus:{VERSION}"


def test_compose_waits_longer_than_the_service_does_and_gives_it_the_memory() -> None:
    visus = COMPOSE["services"]["visus"]
    grace_s = config.load(DEPLOY / "visus.toml", {}).settings.server.shutdown_grace_s
    assert int(visus["stop_grace_period"].removesuffix("s")) >= grace_s + 10
    assert stands_for(visus["mem_limit"]) >= NEEDED_BYTES


def test_the_vllm_of_compose_is_the_one_that_visus_knows() -> None:
    read = config.load(DEPLOY / "visus.toml", {"VLLM_API_KEY": "k"})
    (row,) = read.settings.models
    words = dict(
        word.removeprefix("--").partition("=")[::2]
        for word in COMPOSE["services"]["vllm"]["command"]
    )
    assert words["served-model-name"] == (row.upstream_id or row.id)
    assert words["max-model-len"] == str(row.max_sequence_length)
    assert row.vision is not None
    allowed = json.loads(words["limit-mm-per-prompt"])
    assert allowed == {"image": row.vision.max_images, "video": 0}
    assert read.access["vllm"].base_url == "http://vllm:8000/v1"
    assert read.access["vllm"].missing == ()
    assert config.load(DEPLOY / "visus.toml", {}).access["vllm"].missing == ("VLLM_API_KEY",)


# --- systemd ---------------------------------------------------------------------------------


def entries(name: str) -> list[str]:
    """Every value that the unit gives a name."""
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    path = tmp_path / "visus.service"
    path.write_text(UNIT.replace("/opt/visus/.venv/bin/visus", sys.executable))
    return path


def analysed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- reads our file


def test_systemd_takes_every_line_of_the_unit(unit: Path) -> None:
    done = analysed("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text() + "ProtectSysten=strict\n")
    assert "ProtectSysten" in analysed("verify", "--man=no", unit).stderr


def test_systemd_finds_little_that_the_unit_leaves_open(unit: Path) -> None:
    done = analysed("security", "--offline=true", "--threshold=16", unit)
    assert done.returncode == 0, done.stdout


def test_the_unit_sets_what_is_a_setting() -> None:
    made = settings_by(dict(one.split("=", 1) for one in entries("Environment")))
    assert made.state.dir == f"/var/lib/{entries('StateDirectory')[0]}"
    assert Path(made.gguf.dir).is_relative_to(made.state.dir)
    (started,) = entries("ExecStart")
    assert is_served(shlex.split(started)[1:])


def test_the_unit_stops_the_server_and_leaves_its_workers_to_it() -> None:
    assert entries("KillMode") == ["mixed"]
    assert entries("KillSignal") == ["SIGTERM"]
    assert int(entries("TimeoutStopSec")[0]) >= GRACE_S + 10


def test_a_worker_that_runs_out_of_memory_ends_alone() -> None:
    assert entries("OOMPolicy") == ["continue"]
    assert stands_for(entries("MemoryMax")[0]) >= NEEDED_BYTES


def test_the_unit_lets_workers_lock_themselves_in() -> None:
    (line,) = entries("SystemCallFilter")
    allowed = set(line.split())
    groups = [word for word in allowed if word.startswith("@")]
    while groups:
        found = analysed("syscall-filter", groups.pop()).stdout.splitlines()[1:]
        new = {one.strip() for one in found if not one.lstrip().startswith("#")} - allowed
        groups += [word for word in new if word.startswith("@")]
        allowed |= new
    assert {"seccomp", "prctl", "prlimit64", "setrlimit", "setpriority", "clone"} <= allowed
    assert {"setsid", "socketpair"} <= allowed
    assert "AF_UNIX" in entries("RestrictAddressFamilies")[0].split()


LOCKED_IN = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(65, 1, 0, 0, 0):
    sys.exit(77)
assert libc.prctl(38, 1, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-m", "visus", *sys.argv[1:]])
"""
"""No memory that is written and run (PR_SET_MDWE, Linux 6.3), and no new rights."""


@pytest.mark.timeout(60)
def test_workers_start_where_memory_is_written_or_run_but_never_both(tmp_path: Path) -> None:
    assert entries("MemoryDenyWriteExecute") == ["yes"]
    assert entries("NoNewPrivileges") == ["yes"]
    command = [sys.executable, "-c", LOCKED_IN, "doctor", "--state", str(tmp_path / "state")]
    done = subprocess.run(  # noqa: S603 -- our own program
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=55
    )
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")
    ready = [line for line in done.stdout.splitlines() if "started in" in line]
    assert len(ready) == 2, done.stdout + done.stderr


# --- Helm ------------------------------------------------------------------------------------

VALUES: dict[str, Any] = msgspec.yaml.decode((CHART / "values.yaml").read_bytes())
MANY: dict[str, Any] = {
    "database": {"existingSecret": "postgres"},
    "redis": {"existingSecret": "counter"},
    "persistence": {"accessMode": "ReadWriteMany", "storageClass": "shared"},
    "autoscaling": {"enabled": True},
    "existingSecret": "keys",
    "image": {"pullSecrets": ["registry"]},
    "service": {"annotations": {"a": "b"}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "vision", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "networkPolicy": {
        "ingressFrom": [{"namespaceSelector": {}}],
        "extraEgress": [{"to": [{"podSelector": {}}], "ports": [{"port": 5432}]}],
    },
}
"""Every switch the other way."""
FEW: dict[str, Any] = {
    "persistence": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "serviceAccount": {"create": False},
}


def rendered(values: dict[str, Any], name: str = "demo") -> dict[str, dict[str, Any]]:
    """What Helm makes of the chart with these values, by kind."""
    helm = pytest.importorskip("helm_python", reason="Helm is installed on x86_64 alone")
    with helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        texts = chart.render(values, name=name, namespace="prod")
    assert any("visus keys create" in text for text in texts.values())
    made = [msgspec.yaml.decode(text) for at, text in texts.items() if at.endswith(".yaml")]
    return {one["kind"]: one for one in made if one is not None}


def pod(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The specification of the pod, and of its one container."""
    spec = rendered(values)["Deployment"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    return spec, container


def leaves(values: dict[str, Any], path: str = "") -> Iterator[str]:
    """The path of every value that is no table with entries of its own."""
    for name, value in values.items():
        where = f"{path}.{name}".lstrip(".")
        if isinstance(value, dict) and value and name != "resources":
            yield from leaves(value, where)
        else:
            yield where


def test_helm_finds_nothing_wrong_with_the_chart() -> None:
    helm = pytest.importorskip("helm_python", reason="Helm is installed on x86_64 alone")
    found = helm.lint(str(CHART))
    assert found["errors"] == []
    assert [one for one in found["messages"] if "icon" not in one["error"]] == []


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
@pytest.mark.parametrize("values", [{}, MANY, FEW], ids=["as it comes", "many", "few"])
def test_kubernetes_knows_all_that_the_chart_makes(
    values: dict[str, Any], version: str
) -> None:
    made = rendered(values)
    assert "Deployment" in made
    for one in made.values():
        kubernetes_validate.validate(one, version, strict=True)


def test_each_part_is_there_when_it_is_wanted() -> None:
    always = {"ConfigMap", "Deployment", "Service"}
    usual = {"NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget", "ServiceAccount"}
    assert set(rendered({})) == always | usual
    assert set(rendered(MANY)) == always | usual | {"HorizontalPodAutoscaler"}
    assert set(rendered(FEW)) == always


def test_prometheus_is_told_of_the_pods_where_that_is_wanted() -> None:
    made = rendered({"serviceMonitor": {"enabled": True, "labels": {"release": "watcher"}}})
    monitor, service = made["ServiceMonitor"], made["Service"]
    assert monitor["metadata"]["labels"]["release"] == "watcher"
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    (end,) = monitor["spec"]["endpoints"]
    assert end["port"] in {one["name"] for one in service["spec"]["ports"]}
    assert end["path"] in OPEN_PATHS
    (container,) = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    read = settings_by({one["name"]: one["value"] for one in container["env"]})
    assert list(read.metrics.networks) == VALUES["serviceMonitor"]["networks"]


def test_every_value_is_used_and_every_value_that_is_used_exists() -> None:
    texts = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    used = set(re.findall(r"\.Values\.([\w.]+)", texts))
    known = set(leaves(VALUES))
    assert known - used == set()
    assert used - known == set()


def test_the_schema_knows_every_value_and_no_other() -> None:
    helm = pytest.importorskip("helm_python", reason="Helm is installed on x86_64 alone")
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(schema["properties"]) - {"global"} == set(VALUES)
    for name, value in VALUES.items():
        if isinstance(value, dict) and "properties" in schema["properties"][name]:
            assert set(schema["properties"][name]["properties"]) == set(value), name
    for wrong in ({"replicas": 2}, {"image": {"tag": "latest"}}, {"replicaCount": 0}):
        with pytest.raises(helm.HelmError):
            rendered(wrong)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"replicaCount": 2}, "PostgreSQL"),
        ({"autoscaling": {"enabled": True}}, "PostgreSQL"),
        ({"replicaCount": 2, "database": {"existingSecret": "db"}}, "ReadWriteMany"),
        (MANY | {"persistence": {"enabled": False}}, "all share"),
    ],
)
def test_what_cannot_work_is_refused(values: dict[str, Any], reason: str) -> None:
    helm = pytest.importorskip("helm_python", reason="Helm is installed on x86_64 alone")
    with pytest.raises(helm.HelmError, match=reason):
        rendered(values)


def test_the_pod_is_as_locked_in_as_the_image_is() -> None:
    spec, container = pod({})
    uid, _, gid = of("USER").partition(":")
    assert spec["securityContext"]["runAsUser"] == int(uid)
    assert spec["securityContext"]["runAsGroup"] == int(gid)
    assert spec["securityContext"]["fsGroup"] == int(gid)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert container["image"] == f"visus:{VERSION}"


def test_the_pod_sets_what_is_a_setting_and_probes_what_answers() -> None:
    _, container = pod({"shutdownGraceSeconds": 33})
    made = settings_by({one["name"]: one["value"] for one in container["env"]})
    assert made.server.shutdown_grace_s == 33
    assert is_served(container["args"])
    mounts = [Path(one["mountPath"]) for one in container["volumeMounts"]]
    assert any(Path(made.state.dir).is_relative_to(one) for one in mounts)
    assert any(Path(made.gguf.dir).is_relative_to(one) for one in mounts)
    assert {str(one) for one in mounts} == {"/etc/visus", "/var/lib/visus", "/tmp"}  # noqa: S108 -- in the pod
    for probe, asks in (("startup", "live"), ("readiness", "ready"), ("liveness", "live")):
        assert container[f"{probe}Probe"]["httpGet"] == {
            "path": f"/health/{asks}",
            "port": "http",
        }
    assert container["ports"][0]["containerPort"] == made.server.port
    assert stands_for(container["resources"]["limits"]["memory"]) >= NEEDED_BYTES


@pytest.mark.parametrize("grace_s", [20, 600])
def test_the_pod_may_take_longer_to_end_than_its_answers(grace_s: int) -> None:
    spec, _ = pod({"shutdownGraceSeconds": grace_s, "preStopSeconds": 7})
    assert spec["terminationGracePeriodSeconds"] >= grace_s + 7 + 10
    assert VALUES["shutdownGraceSeconds"] == GRACE_S


def test_the_database_and_redis_come_from_secrets() -> None:
    _, container = pod(MANY)
    given, counter = (one for one in container["env"] if "valueFrom" in one)
    settings_by({given["name"]: "visus.db"})
    assert given["valueFrom"]["secretKeyRef"] == {"name": "postgres", "key": "url"}
    assert settings_by({counter["name"]: "redis://redis:6379/0"}).limits.redis
    assert counter["valueFrom"]["secretKeyRef"] == {"name": "counter", "key": "url"}
    assert container["envFrom"] == [{"secretRef": {"name": "keys"}}]


def test_the_chart_carries_a_configuration_that_visus_takes(tmp_path: Path) -> None:
    text = '[media]\nmax_images = 3\n\n[[providers]]\nname = "x"\ndialect = "openai"\n'
    file = tmp_path / "visus.toml"
    for given in (VALUES["config"], text):
        file.write_text(rendered({"config": given})["ConfigMap"]["data"]["visus.toml"])
        assert config.load(file, {}).settings == msgspec.convert(
            tomllib.loads(given), config.Settings, strict=False
        )


def test_another_configuration_makes_other_pods() -> None:
    def mark(text: str) -> str:
        made = rendered({"config": text})["Deployment"]["spec"]["template"]["metadata"]
        return str(made["annotations"]["checksum/config"])

    assert mark("[lite]\nenabled = false\n") != mark("[lite]\nenabled = true\n")


def test_two_releases_of_one_namespace_have_names_of_their_own() -> None:
    names = [
        {one["metadata"]["name"] for one in rendered({}, name=name).values()}
        for name in ("first", "visus", "x" * 53)
    ]
    assert names == [{"first-visus"}, {"visus"}, {f"{'x' * 53}-visus"}]


def test_the_chart_is_of_the_version_that_it_runs() -> None:
    chart = msgspec.yaml.decode((CHART / "Chart.yaml").read_bytes())
    assert chart["appVersion"] == VERSION
    assert OLDEST_KUBERNETES in chart["kubeVersion"]


def test_private_networks_are_closed_to_the_pod() -> None:
    policy = rendered({})["NetworkPolicy"]["spec"]
    blocks = [
        to["ipBlock"] for rule in policy["egress"] for to in rule["to"] if "ipBlock" in to
    ]
    assert {"10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"} <= set(blocks[0]["except"])
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def test_nothing_is_missing_to_run_these_tests() -> None:
    for program in ("docker-compose", "systemd-analyze", "sqlite3"):
        assert shutil.which(program), program
