# ruff: noqa: RUF001  (characters that look like others are what is tested)

from string import printable
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, strategies as st
from origins import PARAM

from visus.errors import ImageUrlRejected
from visus.media.hosts import canonical_host
from visus.media.settings import MediaSettings
from visus.media.urls import NEUTRAL_MESSAGE, UrlRefused, parse_media_url, redirect_target

SETTINGS = MediaSettings(ports=(80, 443, 8080))

MALFORMED = [
    # U14: schemes and things that are no URL
    *("file:///etc/passwd", "ftp://a.test/x", "gopher://a.test/", "jar:http://a.test!/x"),
    *("s3://bucket/key", "javascript:alert(1)", "HTTP+unix://a.test/", "ws://a.test/"),
    *("/etc/passwd", "C:\\x", "\\\\host\\share", "//a.test/x", "", "h", ":", "http", "http:"),
    *("http://", "https://", "data:image/png;base64,AAAA", "blob:http://a.test/x"),
    # no authority, or half of one
    *("http:///a.test/x", "http:a.test/x", "http:/a.test/x", "http://?x", "http://#x"),
    *("http://:80/", "http://a.test:80:80/", "http://a.test:", "http://a.test:/x"),
    *("http://a.test:0/", "http://a.test:65536/", "http://a.test:99999/", "http://a.test:08/"),
    *("http://a.test:+80/", "http://a.test:-80/", "http://a.test:8 0/", "http://a.test:8０/"),
    *("http://a.test:0x50/", "http://a.test:http/", "http://a.test%3A80/", "http://a.test;x/"),
    # U13: user info, and the tricks with it
    *("http://user:pass@a.test/x", "http://user@a.test/", "http://@a.test/", "http://:@a.test/"),
    *("http://pics.test@127.0.0.1/", "http://127.0.0.1\\@pics.test/"),
    *("http://pics.test\\@127.0.0.1/", "http://pics.test%40127.0.0.1/"),
    # U15: control characters, white space, what does not print
    *("http://a.test/\r\nHost: b", "http://a.test/\t", "http://a.test/a b", "http://a.test/\0"),
    *(" http://a.test/", "http://a.test/ ", "\thttp://a.test/", "ht\ttp://a.test/"),
    *("http://a.te\nst/", "http://a.test/\x7f", "http://a.test/\u200b", "http://a.test/\u2028"),
    *("http://a.test/\ud800", "http://a.test/\u202e", "http://a.test/\ufeff", "http://a\u00a0.test/"),
    *("http://a.test/%0d%0aHost:%20b", "http://a.test/?x=%0A", "http://a.test/%00"),
    *("http://a.test/%7F", "http://a.test/%1f", "http://a.test/%", "http://a.test/%zz"),
    *("http://a.test/%2", "http://a.test/x\\y", "http://a.test\\x"),
    # names that are no names
    *("http://a..test/", "http://.test/", "http://./", "http://../", "http://-a.test/"),
    *("http://a-.test/", "http://a.test-/", "http://a!.test/", "http://a*.test/", "http://a,b/"),
    *(f"http://{'a' * 64}.test/", f"http://{'a.' * 126}test/", "http://a.test%2e/"),
    *("http://a%00.test/", "http://%61.test/", "http://a'b.test/", "http://xn--ü.test/"),
    # a trailing dot
    *("http://LOCALHOST./", "http://a.test./", "http://127.0.0.1./", "http://a.test../"),
    # U04: other spellings of 127.0.0.1
    *("http://①②⑦.⓪.⓪.①/", "http://１２７.0.0.1/", "http://127。0。0。1/"),
    *("http://127．0．0．1/", "http://127｡0｡0｡1/", "http://٣.0.0.1/", "http://¹27.0.0.1/"),
    *("http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/"),
    *("http://0x7f.1/", "http://0/", "http://127.0.0.01/", "http://127.0.0.256/", "http://0x/"),
    *("http://00/", "http://1.2.3.4.5/", "http://a.1/", "http://a.0x1/", "http://0X7F.1/"),
    *("http://127.0.0.1%20/", "http://127.0.0.1%00.a.test/", "http://%31%32%37.0.0.1/"),
    # characters that fold into others
    *("http://ⓛocalhost/", "http://ａ.test/", "http://\N{KELVIN SIGN}.test/", "http://ſ.test/"),
    *("http://bu\u0308cher.test/", "http://a\u00ad.test/", "http://a\u200d.test/"),
    *("http://a／b.test/", "http://a﹕80.test/", "http://a＠b.test/", "http://a℀.test/"),
    # brackets
    *("http://[::1/", "http://::1/", "http://[]/", "http://[::1]80/", "http://[::1]x/"),
    *("http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[v1.a]/", "http://[1.2.3.4]/"),
    *("http://[[::1]]/", "http://[::1]]/", "http://[::1].a.test/", "http://a[::1]/"),
    *("http://[::1]:0/", "http://[::1]:65536/", "http://[0:0:0:0:0:0:0:0:1]/", "http://[１::]/"),
]  # fmt: skip


@pytest.mark.parametrize("url", MALFORMED)
def test_a_url_that_is_not_in_strict_form_is_refused(url: str) -> None:
    with pytest.raises(ImageUrlRejected) as refusal:
        parse_media_url(url, SETTINGS, PARAM)
    assert refusal.value.param == PARAM
    assert refusal.value.code == "invalid_image_url"
    assert refusal.value.message != NEUTRAL_MESSAGE


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://a.test:22/",
            "http://a.test:6379/",
            "https://a.test:25/",
            "http://a.test:65535/",
        ),
        *(
            "http://localhost/",
            "http://LOCALHOST/",
            "http://x.localhost/",
            "http://router.local/",
        ),
        *("http://metadata.google.internal/", "http://a.internal/", "http://internal/"),
        *("http://a.home.arpa/", "http://a.onion/", "http://printer.LOCAL:8080/"),
    ],
)
def test_a_port_or_a_name_that_is_not_allowed_gets_the_neutral_sentence(url: str) -> None:
    with pytest.raises(ImageUrlRejected) as refusal:
        parse_media_url(url, SETTINGS, PARAM)
    assert refusal.value.message == NEUTRAL_MESSAGE


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://a.test", "http://a.test:80/"),
        ("HtTpS://A.TEST/X", "https://a.test:443/X"),
        ("http://a.test:8080?x=1", "http://a.test:8080/?x=1"),
        ("http://a.test/#/../secret", "http://a.test:80/"),
        ("http://127.0.0.1#@a.test/", "http://127.0.0.1:80/"),
        ("http://a.test/?x=http://u:p@b.test/", "http://a.test:80/?x=http://u:p@b.test/"),
        ("http://a.test//b.test/x", "http://a.test:80//b.test/x"),
        ("http://a.test/a%20b%2Fc?d=%2B&e=+", "http://a.test:80/a%20b%2Fc?d=%2B&e=+"),
        ("http://a.test/ü?q=日", "http://a.test:80/%C3%BC?q=%E6%97%A5"),
        ('http://a.test/<a>"{|}^`', "http://a.test:80/%3Ca%3E%22%7B%7C%7D%5E%60"),
        ("http://a.test/%250d%250a", "http://a.test:80/%250d%250a"),
        ("http://bücher.test/", "http://xn--bcher-kva.test:80/"),
        ("http://BÜCHER.test/", "http://xn--bcher-kva.test:80/"),
        ("http://faß.test/", "http://xn--fa-hia.test:80/"),
        ("http://例え.test/", "http://xn--r8jz45g.test:80/"),
        ("http://my_bucket.a-b.test/", "http://my_bucket.a-b.test:80/"),
        ("http://3com.test/", "http://3com.test:80/"),
        ("http://[2A00::1]:8080/", "http://[2a00::1]:8080/"),
        ("http://[::ffff:7f00:1]/", "http://[::ffff:127.0.0.1]:80/"),
        (f"http://{'a' * 63}.test/", f"http://{'a' * 63}.test:80/"),
        ("https://images.unsplash.com/photo-1?w=400", "https://images.unsplash.com:443/photo-1?w=400"),
    ],
)  # fmt: skip
def test_a_url_is_read_in_one_way(url: str, read: str) -> None:
    parsed = parse_media_url(url, SETTINGS, PARAM)
    # Python 3.11 writes a mapped address in hexadecimal, later ones with dots.
    assert str(parsed).replace("::ffff:7f00:1", "::ffff:127.0.0.1") == read


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_a_url_may_be_as_long_as_the_limit_and_no_longer(spare: int) -> None:
    url = "http://a.test/".ljust(SETTINGS.max_url_length - spare, "x")
    if spare >= 0:
        assert parse_media_url(url, SETTINGS, PARAM).target.endswith("x")
        return
    with pytest.raises(ImageUrlRejected, match="longer than 8192"):
        parse_media_url(url, SETTINGS, PARAM)


@pytest.mark.parametrize(("port", "fine"), [(1, True), (65535, True), (65536, False)])
def test_ports_end_where_the_protocol_says(port: int, *, fine: bool) -> None:
    settings = MediaSettings(ports=(1, 65535))
    if fine:
        assert parse_media_url(f"http://a.test:{port}/", settings, PARAM).port == port
        return
    with pytest.raises(ImageUrlRejected):
        parse_media_url(f"http://a.test:{port}/", settings, PARAM)


def test_user_info_is_named_as_the_reason_and_not_repeated() -> None:
    with pytest.raises(ImageUrlRejected, match="user name or password") as refusal:
        parse_media_url("http://user:secret@a.test/", SETTINGS, PARAM)
    assert "secret" not in f"{refusal.value.message}{refusal.value.detail}"


# --- U27 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("pics.example.test", True),
        ("PICS.EXAMPLE.TEST", True),
        ("a.b.example.test", True),
        ("exact.test", True),
        ("bücher.test", True),
        ("xn--bcher-kva.test", True),
        ("example.test", False),
        ("example.test.evil", False),
        ("evilexample.test", False),
        ("EXAMPLE.test.", False),
        ("pics.example.test.", False),
        (".example.test", False),
        ("*.example.test", False),
        ("pics.еxample.test", False),  # a Cyrillic letter
        ("a.exact.test", False),
        ("inexact.test", False),
        ("bucher.test", False),
        ("127.0.0.1", False),
        ("pics.example.test%00.evil", False),
    ],
)
def test_only_allowed_hosts_are_fetched_from_when_some_are_named(
    host: str, *, allowed: bool
) -> None:
    settings = MediaSettings(allow_hosts=("*.Example.test", "exact.test", "bücher.test"))
    if allowed:
        assert parse_media_url(f"http://{host}/a.png", settings, PARAM).port == 80
        return
    with pytest.raises(ImageUrlRejected):
        parse_media_url(f"http://{host}/a.png", settings, PARAM)


def test_an_operator_can_name_an_internal_host() -> None:
    named = MediaSettings(hosts={"pics.internal": "10.0.0.1"})
    allowed = MediaSettings(allow_hosts=("*.corp.internal",))
    assert parse_media_url("http://pics.internal/", named, PARAM).host.name == "pics.internal"
    assert parse_media_url("http://a.corp.internal/", allowed, PARAM).port == 80
    with pytest.raises(ImageUrlRejected):
        parse_media_url("http://other.internal/", named, PARAM)


# --- redirects -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b.png", "http://a.test:8080/b.png"),
        ("b.png?x", "http://a.test:8080/x/b.png?x"),
        ("../b.png", "http://a.test:8080/b.png"),
        ("?y", "http://a.test:8080/x/y.png?y"),
        ("//b.test/c", "http://b.test:80/c"),
        ("https://b.test/c", "https://b.test:443/c"),
        ("#f", "http://a.test:8080/x/y.png"),
    ],
)
def test_a_redirect_is_read_against_the_url_that_sent_it(location: str, target: str) -> None:
    base = parse_media_url("http://a.test:8080/x/y.png", SETTINGS, PARAM)
    assert str(redirect_target(base, location, SETTINGS)) == target


@pytest.mark.parametrize(
    "location",
    [
        *("data:image/png;base64,AAAA", "file:///etc/passwd", "javascript:1", "ftp://a.test/"),
        *("http:b.png", "http:///b", "//user@b.test/", "//b.test:22/", "//[::1", "//127.1/"),
        *("http://b.test:6379/", "///b.test/", "\\\\b.test", "/\\b.test", "/a b", "/a\r\nX: y"),
        *("/a\tb", "/a\nb", "//b\t.test/", "\t/a", "/a\r", "ht\ntps://b.test/"),
        *("/%0d%0aX", "//localhost/", "https://b.test:25/", "/\ud800", "/" + "x" * 8192),
    ],
)
def test_a_redirect_is_as_strict_as_a_first_url(location: str) -> None:
    base = parse_media_url("http://a.test/", SETTINGS, PARAM)
    with pytest.raises(UrlRefused):
        redirect_target(base, location, SETTINGS)


def test_https_never_becomes_http() -> None:
    base = parse_media_url("https://a.test/", SETTINGS, PARAM)
    assert redirect_target(base, "https://b.test/", SETTINGS).scheme == "https"
    with pytest.raises(UrlRefused):
        redirect_target(base, "http://b.test/", SETTINGS)


# --- any text at all -------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("/", ":", "@", "#", "?", "[", "]", "%", "\\", ".", "&", ";", "=", " ", "\t", "\r\n"),
        *("http", "https", "://", "127.0.0.1", "[::1]", "a.test", "%0d", "\0", "..", "//"),
        *("①", "。", "ü", "xn--", "0x7f", ":80", "user:pass@"),
    ]
)
URL_LIKE = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=printable, max_size=60).map("http://".__add__),
    st.lists(PIECES, max_size=12).map("".join),
    st.lists(PIECES, max_size=12).map(lambda pieces: "http://" + "".join(pieces)),
)


@given(URL_LIKE)
@example("http://\u0130.test/")
@example("http://xn--a.test/")
def test_any_text_is_read_strictly_or_refused(url: str) -> None:
    try:
        parsed = parse_media_url(url, SETTINGS, PARAM)
    except ImageUrlRejected:
        return
    text = str(parsed)
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    other = urlsplit(text)
    assert (other.hostname, other.port) == (parsed.host.name, parsed.port)
    assert other.username is None
    assert str(parse_media_url(text, SETTINGS, PARAM)) == text


@given(URL_LIKE)
def test_any_redirect_is_followed_strictly_or_refused(location: str) -> None:
    base = parse_media_url("https://a.test/x", SETTINGS, PARAM)
    try:
        target = redirect_target(base, location, SETTINGS)
    except UrlRefused:
        return
    assert target.scheme == "https"
    assert parse_media_url(str(target), SETTINGS, PARAM) == target


@given(st.text(max_size=80))
def test_a_host_is_canonical_or_not_a_host(text: str) -> None:
    try:
        host = canonical_host(text)
    except ValueError:
        return
    assert host.name.isascii()
    assert host.name == host.name.lower()
    assert canonical_host(str(host)) == host
