from ipaddress import ip_address, ip_network

import msgspec
import pytest

from visus.media.settings import MediaSettings


def test_the_defaults_open_nothing() -> None:
    settings = MediaSettings()
    assert settings.admitted() == ()
    assert settings.ports == (80, 443)
    assert settings.host_addresses() == {}
    assert settings.proxy_origin() is None
    assert (settings.connect_s, settings.first_byte_s, settings.idle_s, settings.total_s) == (
        *(3.0, 5.0, 3.0),
        10.0,
    )


def test_the_text_of_the_settings_is_read_once_and_canonically() -> None:
    settings = MediaSettings(
        admit_networks=("10.0.0.0/8", "127.0.0.1", "fd00::/8"),
        hosts={
            "Pics.test": "127.0.0.1",
            "a.test": "::1",
            "b.test": "127.0.0.1:8443",
            "c.test": "[::1]:8443",
            "bücher.test": "10.0.0.1",
        },
        allow_hosts=("*.Example.test", "b.test"),
        proxy="http://Proxy.test:3128/",
    )
    assert settings.admitted() == tuple(
        ip_network(text) for text in ("10.0.0.0/8", "127.0.0.1/32", "fd00::/8")
    )
    assert settings.host_addresses() == {
        "pics.test": (ip_address("127.0.0.1"), None),
        "a.test": (ip_address("::1"), None),
        "b.test": (ip_address("127.0.0.1"), 8443),
        "c.test": (ip_address("::1"), 8443),
        "xn--bcher-kva.test": (ip_address("10.0.0.1"), None),
    }
    assert settings.allowed_hosts() == ("*.example.test", "b.test")
    assert settings.proxy_origin() == ("proxy.test", 3128)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("admit_networks", ["10.0.0.1/8"]),
        ("admit_networks", ["loopback"]),
        ("ports", [0]),
        ("ports", [65536]),
        ("hosts", {"pics.test": "other.test"}),
        ("hosts", {"pics.test": "127.0.0.1:0"}),
        ("hosts", {"pics.test": "127.0.0.1:http"}),
        ("hosts", {"pics.test": "127.1"}),
        ("hosts", {"pics..test": "127.0.0.1"}),
        ("hosts", {"127.0.0.2": "127.0.0.1"}),
        ("allow_hosts", ["*"]),
        ("allow_hosts", ["a.*.test"]),
        ("allow_hosts", ["http://a.test"]),
        ("proxy", "proxy.test:3128"),
        ("proxy", "http://proxy.test"),
        ("proxy", "socks5://proxy.test:1080"),
        ("proxy", "http://user:pass@proxy.test:3128"),
        ("proxy", "http://proxy.test:3128/path"),
        ("proxy", "http://proxy.test:99999"),
    ],
)
def test_a_faulty_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert({field: value}, MediaSettings)


@pytest.mark.parametrize(
    "faulty",
    [
        {"max_bytes": 0},
        {"total_s": 0},
        {"max_redirects": 11},
        {"no_such": 1},
        {"background": "white"},
        {"background": "#fff"},
        {"background": "#ffffff0"},
    ],
)
def test_a_setting_out_of_range_or_unknown_is_refused(faulty: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(faulty, MediaSettings)
