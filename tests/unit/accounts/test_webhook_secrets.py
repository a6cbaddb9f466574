"""The contract of webhooks' secrets, kept by both databases."""

import time

import pytest
import sqlalchemy as sql

from visus.accounts.projects import ProjectBook
from visus.accounts.webhooks import WebhookSecrets
from visus.errors import InvalidValue


@pytest.fixture
def secrets_of_all(engine: sql.Engine) -> WebhookSecrets:
    return WebhookSecrets(engine)


@pytest.fixture
def project(engine: sql.Engine) -> str:
    return ProjectBook(engine).create("one").project_id


def test_a_secret_is_shown_once_and_signs(secrets_of_all: WebhookSecrets, project: str) -> None:
    made, secret = secrets_of_all.create(project, overlap_s=60)
    assert secret.startswith("whsec_")
    assert secrets_of_all.signing(project) == [secret]
    assert secrets_of_all.known(project) == [made]
    assert secret not in repr(made)
    assert made.expires_at is None
    with pytest.raises(InvalidValue):
        secrets_of_all.create("proj_none", overlap_s=60)


def test_never_more_than_two_sign(secrets_of_all: WebhookSecrets, project: str) -> None:
    made = [secrets_of_all.create(project, overlap_s=60) for _ in range(8)]
    assert secrets_of_all.signing(project) == [made[7][1], made[6][1]]
    known = [one.secret_id for one in secrets_of_all.known(project)]
    assert known == [one.secret_id for one, _ in made]


def test_the_one_before_signs_no_longer_than_said(
    secrets_of_all: WebhookSecrets, project: str
) -> None:
    first = secrets_of_all.create(project, overlap_s=0)[1]
    second = secrets_of_all.create(project, overlap_s=2)[1]
    third = secrets_of_all.create(project, overlap_s=0)[1]
    assert secrets_of_all.signing(project) == [third]
    fourth = secrets_of_all.create(project, overlap_s=2)[1]
    assert secrets_of_all.signing(project) == [fourth, third]
    time.sleep(2.1)
    assert secrets_of_all.signing(project) == [fourth]
    assert len({first, second, third, fourth}) == 4


def test_a_secret_is_revoked_once_by_its_project(
    engine: sql.Engine, secrets_of_all: WebhookSecrets, project: str
) -> None:
    other = ProjectBook(engine).create("other").project_id
    made, _ = secrets_of_all.create(project, overlap_s=60)
    assert not secrets_of_all.revoke(made.secret_id, project_id=other)
    assert secrets_of_all.revoke(made.secret_id, project_id=project)
    assert not secrets_of_all.revoke(made.secret_id, project_id=project)
    assert secrets_of_all.signing(project) == []
