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
