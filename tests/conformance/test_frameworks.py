"""Libraries that people use on top of the stock client."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import instructor
import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, OpenAI
from pydantic_ai import Agent, ImageUrl
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from tests.conformance.test_openai_python import Invoice, invoice, picture, plain, text
from tests.support.service import Service

pytestmark = [
    pytest.mark.timeout(60),  # the first picture waits until the models are loaded
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # theirs, not ours
]


@contextmanager
def chat_openai(service: Service, model: str) -> Iterator[ChatOpenAI]:
    with httpx.Client() as http:
        yield ChatOpenAI(
            model=model,
            base_url=service.url,
            api_key=service.key,
            http_client=http,
            max_retries=0,
        )


@asynccontextmanager
async def agent_of(service: Service, model: str) -> AsyncIterator[Agent]:
    async with AsyncOpenAI(base_url=service.url, api_key=service.key) as stock:
        yield Agent(OpenAIChatModel(model, provider=OpenAIProvider(openai_client=stock)))


def test_langchain_asks_about_a_picture(eyes: Service) -> None:
    question = HumanMessage([text("Which colour is this?"), picture(plain("red"))])
    with chat_openai(eyes, "visus-lite") as model:
        answer = model.invoke([question])
    assert "red" in str(answer.content).lower()
    assert answer.usage_metadata


def test_langchain_streams(eyes: Service) -> None:
    question = HumanMessage([text("Which colour is this?"), picture(plain("red"))])
    with chat_openai(eyes, "visus-lite") as model:
        pieces = [str(piece.content) for piece in model.stream([question])]
    assert len(pieces) > 1
    assert "red" in "".join(pieces).lower()


def test_langchain_gets_a_tool_call(service: Service) -> None:
    def weather(city: str) -> str:
        """The weather in a city."""
        return city

    with chat_openai(service, "tools") as model:
        answer = model.bind_tools([weather]).invoke("Weather in Köln?")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("weather", {"city": "Köln"})
    ]


async def test_pydantic_ai_asks_and_calls_tools(service: Service) -> None:
    asked: list[str] = []
    async with agent_of(service, "tools") as agent:

        @agent.tool_plain
        def weather(city: str) -> str:
            asked.append(city)
            return "rain"

        answer = await agent.run("Weather in Köln?")
    assert asked == ["Köln"]
    assert answer.output == "The tool says rain."


async def test_pydantic_ai_asks_about_a_picture(eyes: Service) -> None:
    async with agent_of(eyes, "visus-lite") as agent:
        answer = await agent.run(["Which colour is this?", ImageUrl(url=plain("red"))])
    assert "red" in answer.output.lower()


def test_instructor_fills_a_schema(eyes: Service) -> None:
    with OpenAI(base_url=eyes.url, api_key=eyes.key, max_retries=0) as stock:
        client = instructor.from_openai(stock, mode=instructor.Mode.JSON_SCHEMA)
        read = client.chat.completions.create(
            model="visus-lite",
            response_model=Invoice,
            max_retries=0,
            messages=[
                {"role": "user", "content": [text("Read this invoice."), picture(invoice())]}
            ],
        )
    assert (read.invoice_number, read.total) == ("20417", 42.5)
