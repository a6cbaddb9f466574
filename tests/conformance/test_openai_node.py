"""The stock Node client against the embedded model."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.conformance.test_openai_python import plain
from tests.support.service import Service


@pytest.mark.timeout(180)  # the first run installs the client
def test_node_gets_answers_streams_lists_and_errors(eyes: Service, node_modules: Path) -> None:
    done = subprocess.run(  # noqa: S603 -- our own script
        ["node", "checks.mjs", "visus-lite", plain("red")],  # noqa: S607 -- the machine's Node
        cwd=node_modules, capture_output=True, text=True, timeout=60, check=True,
        env=dict(os.environ) | {"OPENAI_BASE_URL": eyes.url, "OPENAI_API_KEY": eyes.key},
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert "red" in found["said"].lower()
    assert found["streamed"] == found["said"]
    assert found["usage"] == found["whole"]
    assert found["models"] == ["visus-lite"]
    assert found["refused"].pop("request").startswith("req_")
    assert found["refused"] == {
        "name": "NotFoundError", "status": 404, "code": "model_not_found", "param": "model",
    }  # fmt: skip


@pytest.mark.timeout(180)  # the first run installs the client
@pytest.mark.parametrize("model", ["rules", "unruly"])
def test_node_parses_runs_tools_and_tells_events(
    ruled: Service, node_modules: Path, model: str
) -> None:
    done = subprocess.run(  # noqa: S603 -- our own script
        ["node", "helpers.mjs", model, plain("red")],  # noqa: S607 -- the machine's Node
        cwd=node_modules, capture_output=True, text=True, timeout=60, check=False,
        env=dict(os.environ) | {"OPENAI_BASE_URL": ruled.url, "OPENAI_API_KEY": ruled.key},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    lotte = {"name": "Lotte", "length_m": 12}
    assert found["parsed"] == found["final"] == lotte
    assert found["launched"] == [lotte, lotte]
    assert found["ran"] == found["streamed"]
    assert found["ran"].startswith("There are 0 pictures")
    assert found["deltas"] > 1
    assert found["events"] == ["connect", "content.delta", "content.done", "end"]
    assert found["usage"] > 0
    assert (found["call"]["name"], json.loads(found["call"]["arguments"])) == ("launch", lotte)
    assert found["report"] == "messages[0].content[0]"
    assert found["same_request"]
    assert found["raw"] == ["text/event-stream; charset=utf-8", True]
