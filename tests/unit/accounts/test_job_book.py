"""The contract of jobs, and of telling how they ended, kept by both databases."""

import time

import pytest
import sqlalchemy as sql

from visus.accounts.jobs import JobBook, NewJob, QueueSettings, Response, Taken
from visus.accounts.webhooks import DeliveryBook, DeliveryRules, Listener, Miss
from visus.errors import TooManyJobs

SETTINGS = QueueSettings(max_jobs_per_project=3, lease_s=1)
RULES = DeliveryRules(max_attempts=2, first_wait_ms=50, max_wait_ms=100, lease_ms=200)
ASKED = NewJob("mine", "key", "/v1/chat/completions", [("x-visus-a", "b")])
HEARD = ASKED._replace(listener=Listener("https://a.test/", "a.test:443"))
GOOD = Response(200, b"{}", [("x-visus-provider", "p")], "req_1")


@pytest.fixture
def book(engine: sql.Engine) -> JobBook:
    return JobBook(engine, SETTINGS)


@pytest.fixture
def deliveries(engine: sql.Engine) -> DeliveryBook:
    return DeliveryBook(engine, RULES)


def taken(book: JobBook) -> Taken:
    (one,) = book.take(1)
    return one


def test_a_job_is_taken_once_as_it_was_made_and_ends_once(book: JobBook) -> None:
    made = book.add(ASKED, b"body")
    one = taken(book)
    assert (one.job_id, one.body, one.losses) == (made.job_id, b"body", 0)
    assert [list(pair) for pair in one.headers] == [["x-visus-a", "b"]]
    assert book.take(1) == []
    assert book.finish(one, GOOD)
    assert not book.finish(one, GOOD)
    job = book.get(made.job_id, project_id="mine")
    assert job is not None
    assert job.status == "completed"
    assert job.response is not None
    assert (job.response.status, job.response.body) == (200, b"{}")
    assert book.get(made.job_id, project_id="another") is None


def test_who_lost_the_lease_writes_nothing(book: JobBook) -> None:
    book.add(ASKED, b"")
    late = taken(book)
    time.sleep(1.1)
    now = taken(book)
    assert (now.job_id, now.losses) == (late.job_id, 1)
    assert book.held([late.lease, now.lease]) == {now.lease}
    assert not book.finish(late, GOOD)
    assert book.finish(now, GOOD)


def test_a_project_has_so_many_and_not_more(book: JobBook) -> None:
    for _ in range(3):
        book.add(ASKED, b"")
    with pytest.raises(TooManyJobs):
        book.add(ASKED, b"")
    book.add(ASKED._replace(project_id="another"), b"")
    waiting = {(one.kind, one.status): one.jobs for one in book.backlog()}
    assert waiting == {("job", "queued"): 4}


def test_an_end_is_told_until_it_is_heard(book: JobBook, deliveries: DeliveryBook) -> None:
    made = book.add(HEARD, b"")
    assert made.webhook is not None
    assert made.webhook.status == "waiting"
    assert deliveries.take() is None
    book.finish(taken(book), GOOD)
    assert deliveries.take(resting=["a.test:443"]) is None
    due = deliveries.take()
    assert due is not None
    assert (due.subject_id, due.event, due.attempts) == (made.job_id, "job.completed", 1)
    assert deliveries.take() is None
    assert deliveries.missed(due, Miss("refused", 500))
    time.sleep(0.06)
    again = deliveries.take()
    assert again is not None
    assert (again.event_id, again.attempts) == (due.event_id, 2)
    assert not deliveries.delivered(due, 204)
    assert deliveries.delivered(again, 204)
    assert deliveries.pending() == 0


def test_an_end_that_nobody_hears_is_given_up(book: JobBook, deliveries: DeliveryBook) -> None:
    made = book.add(HEARD, b"")
    book.cancel(made.job_id, project_id="mine")
    for goes_on in (True, False):
        due = deliveries.take()
        assert due is not None
        assert due.event == "job.cancelled"
        assert deliveries.missed(due, Miss("unreachable")) is goes_on
        time.sleep(0.06)
    job = book.get(made.job_id, project_id="mine")
    assert job is not None
    assert job.webhook is not None
    assert (job.webhook.status, job.webhook.attempts) == ("failed", 2)
    assert deliveries.take() is None
