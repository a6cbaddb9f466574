"""LangChain's standard suite for chat models, through Visus, before a model that has rules."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from tests.support.service import Service
from typing_extensions import override


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
