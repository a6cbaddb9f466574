"""What `traceparent` says, who is in a share, and what a trace remembers."""

import pytest
from hypothesis import given, strategies as st

from visus.core.events import Finished, Preamble, TextDelta, TokensUsed
from visus.core.trace import (
    CALL,
    MAX_STEPS,
    Parent,
    Trace,
    heading,
    is_among,
    new_trace_id,
    parent_of,
)
from visus.errors import UpstreamSilent

IDS = st.integers(1, 2**64 - 1)


@given(st.integers(1, 2**128 - 1), IDS, st.booleans())
def test_what_is_written_is_read_again(trace_id: int, span_id: int, sampled: bool) -> None:  # noqa: FBT001 -- drawn
    trace = Trace(Parent(trace_id, span_id, sampled), share=0.5)
    assert parent_of(trace.traceparent()) == Parent(trace_id, trace.span_id, sampled)


@given(st.binary(max_size=80))
def test_no_bytes_at_all_are_a_fault(header: bytes) -> None:
    assert parent_of(header) is None


@pytest.mark.parametrize(
    ("header", "is_read"),
    [
        (b"00-%032x-%016x-01" % (1, 1), True),
        (b"  00-%032x-%016x-01 " % (1, 1), True),
        (b"00-%032x-%016x-03" % (1, 1), True),
        (b"cc-%032x-%016x-01" % (1, 1), True),
        (b"cc-%032x-%016x-01-what-comes-later" % (1, 1), True),
        (b"cc-%032x-%016x-01.what-comes-later" % (1, 1), False),
        (b"00-%032x-%016x-01-" % (1, 1), False),
        (b"00-%032x-%016x-1" % (1, 1), False),
        (b"00-%032X-%016x-01" % (10, 1), False),
        (b"ff-%032x-%016x-01" % (1, 1), False),
        (b"00-%032x-%016x-01" % (0, 1), False),
        (b"00-%032x-%016x-01" % (1, 0), False),
        (b"", False),
        (None, False),
    ],
)
def test_a_parent_has_one_form(header: bytes | None, is_read: bool) -> None:  # noqa: FBT001 -- the case
    assert (parent_of(header) is not None) is is_read


def test_a_share_of_nothing_and_of_all_are_exact() -> None:
    for trace_id in (1, 2**64 - 1, 2**64, 2**128 - 1, new_trace_id()):
        assert not is_among(trace_id, 0)
        assert is_among(trace_id, 1)
    assert is_among(2**63 - 1, 0.5)
    assert not is_among(2**63, 0.5)


def test_a_job_is_told_of_as_the_request_that_made_it_was() -> None:
    for is_sampled in (True, False):
        link = Parent(7, 8, is_sampled)
        trace = Trace(None, share=0.0 if is_sampled else 1.0, link=link)
        assert trace.is_sampled is is_sampled
        assert trace.trace_id != 7


def test_an_attempt_remembers_the_ends_of_its_answer() -> None:
    call = Trace(None, share=1).call(model="m", provider="p", upstream_id="u")
    assert CALL.get() is call
    call.note((Preamble({}, "named"), TextDelta("A secret")))
    first_s = call.first_s
    call.note((TextDelta("more"), Finished("stop"), Finished("length", 1)))
    call.note((TextDelta("more"), TokensUsed(3, 4)))
    assert (call.answered_as, call.used, call.first_s) == ("named", TokensUsed(3, 4), first_s)
    assert sorted(call.finish_reasons) == ["length", "stop"]


def test_the_first_thing_that_went_wrong_counts() -> None:
    call = Trace(None, share=1).call(model="m", provider="p", upstream_id="u")
    call.failed(UpstreamSilent("It said nothing."))
    call.failed(KeyboardInterrupt())
    assert call.code == UpstreamSilent.code
    for fault, code in ((KeyboardInterrupt(), "abandoned"), (ValueError(), "internal_error")):
        other = Trace(None, share=1).call(model="m", provider="p", upstream_id="u")
        other.failed(fault)
        assert other.code == code


def test_a_request_without_an_attempt_has_no_heading() -> None:
    CALL.set(None)
    assert heading("host", 80) == b""
    call = Trace(None, share=1).call(model="m", provider="p", upstream_id="u")
    assert heading("host", 80) == b"traceparent: " + call.traceparent + b"\r\n"
    assert call.origin == ("host", 80)


def test_steps_are_remembered_up_to_a_bound() -> None:
    trace = Trace(None, share=1)
    for number in range(MAX_STEPS + 1):
        trace.step("make", 0.5, number)
    assert len(trace.steps) == MAX_STEPS
    assert trace.steps[0].ended_s - trace.steps[0].began_s == pytest.approx(0.5)
