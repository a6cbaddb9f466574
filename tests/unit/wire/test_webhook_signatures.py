"""Signatures, against the example that implementations of Standard Webhooks share."""

from visus.wire.webhooks import signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 -- published
EVENT = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT_S = 1_614_265_330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_example_is_signed_as_published() -> None:
    assert signed(EVENT, BODY, [SECRET], at_s=AT_S) == {
        "webhook-id": EVENT,
        "webhook-timestamp": str(AT_S),
        "webhook-signature": SIGNATURE,
    }


def test_each_secret_signs() -> None:
    other = "whsec_" + "AAAA" * 8
    both = signed(EVENT, BODY, [other, SECRET], at_s=AT_S)["webhook-signature"].split(" ")
    assert len(both) == 2
    assert both[1] == SIGNATURE
    assert [both[0]] == [signed(EVENT, BODY, [other], at_s=AT_S)["webhook-signature"]]
