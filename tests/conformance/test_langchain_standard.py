"""LangChain's standard suite for chat models, through Visus, before a model that has rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import skimage
import trustme
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from tests.conformance.internet import PictureHost, Proxy
from tests.support.films import pdf
from tests.support.rules import answers_by_rules
from tests.support.service import Service
from tests.support.upstream import BEHAVIOURS, Upstream
from typing_extensions import override

assert answers_by_rules.__name__ in BEHAVIOURS
MODELS = ("rules", "other-rules", "unruly")


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The internet from which the suite fetches a picture and a PDF: the variables for it."""
    folder, authority = tmp_path_factory.mktemp("away"), trustme.CA()
    (folder / "dummy.pdf").write_bytes(pdf())
    photo = Path(skimage.__file__).parent / "data" / "chelsea.png"
    pictures = PictureHost(
        "raw.githubusercontent.com", photo, folder=folder, authority=authority
    )
    papers = PictureHost("www.w3.org", folder / "dummy.pdf", folder=folder, authority=authority)
    proxy = Proxy(pictures, papers)
    yield {
        "HTTPS_PROXY": proxy.url,
        "SSL_CERT_FILE": str(pictures.ca_file),
        **pictures.settings(),
    }
    for host in (proxy, pictures, papers):
        host.close()


@pytest.fixture(scope="module")
def ruled(
    upstream: Upstream, away: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service before the model with rules, which sees pictures and no PDFs.

    `unruly` is the same model on a server that knows nothing of forms.
    """
    vision = 'image_roles = ["user"]'
    models = "".join(
        f'[[models]]\nid = "{name}"\nprovider = "scripted"\n'
        f'upstream_id = "{answers_by_rules.__name__}"\n'
        f'input_modalities = ["text", "image"]\n{more}\n[models.vision]\n{vision}\n'
        for name, more in zip(
            MODELS, ("", "", 'structured_output = "json-object"'), strict=True
        )
    )
    config = (
        '[lite]\nenabled = false\n[[providers]]\nname = "scripted"\ndialect = "openai"\n'
        f'base_url = "http://127.0.0.1:{upstream.port}/v1"\n{models}'
    )
    running = Service(
        tmp_path_factory.mktemp("ruled"),
        config,
        **{name: value for name, value in away.items() if name.startswith("VISUS_")},
    )
    yield running
    running.stop()


@pytest.fixture
def benchmark() -> None:
    """Stands in for the plug-in: the one test that asks for it needs recorded answers."""


@pytest.fixture
def vcr() -> None:
    """The same."""


@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # theirs, not ours
@pytest.mark.filterwarnings("ignore:.*filename.*:UserWarning")  # theirs: a PDF without a name
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # theirs
@pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1:UserWarning")  # theirs
class TestLangChainStandard(ChatModelIntegrationTests):
    """Every ability that the suite can ask of `ChatOpenAI` but sound."""

    @pytest.fixture(autouse=True)
    def reach(
        self, ruled: Service, away: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        """Leads the suite to the service, and its downloads to the internet of the tests."""
        for name in ("HTTPS_PROXY", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, away[name])
        for name in ("OPENAI_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        at_once = httpx.Limits(max_keepalive_connections=0)  # nothing is left open
        with httpx.Client(limits=at_once) as http:
            self.params: dict[str, Any] = {
                "model": "rules",
                "base_url": ruled.url,
                "api_key": ruled.key,
                "http_client": http,
                "http_async_client": httpx.AsyncClient(limits=at_once),
                "max_retries": 0,
                "stream_usage": True,
            }
            yield

    @property
    @override
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    @override
    def chat_model_params(self) -> dict[str, Any]:
        return self.params

    @property
    @override
    def model_override_value(self) -> str:
        return "other-rules"

    @property
    @override
    def supports_json_mode(self) -> bool:
        return True

    @property
    @override
    def supports_image_inputs(self) -> bool:
        return True

    @property
    @override
    def supports_image_urls(self) -> bool:
        return True

    @property
    @override
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    @override
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    @override
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    @override
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    @override
    def supported_usage_metadata_details(self) -> Any:
        kinds = ["reasoning_output", "cache_read_input"]
        return {"invoke": kinds, "stream": kinds}

    @override
    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._asked("How many words are these?", stream=stream, reasoning_effort="low")

    @override
    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        self._asked("The same words twice.", stream=stream)
        return self._asked("The same words twice.", stream=stream)

    def _asked(self, words: str, *, stream: bool, **more: Any) -> AIMessage:
        model = ChatOpenAI(**self.params, **more)
        if not stream:
            return model.invoke(words)
        first, *others = model.stream(words)
        for piece in others:
            first += piece
        return first


class TestLangChainWithoutForms(TestLangChainStandard):
    """The same where forms are asked for in words and made sure of by Visus."""

    @property
    @override
    def chat_model_params(self) -> dict[str, Any]:
        return {**self.params, "model": "unruly"}
