"""Videos and PDFs for the tests, made on the spot."""

import base64
from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np

COLOURS = ((220, 20, 20), (20, 200, 20), (20, 20, 220), (220, 220, 20), (20, 220, 220))
"""What a film shows in each of its seconds."""


def film(
    container: str = "mp4",
    codec: str = "libx264",
    *,
    seconds: int = 5,
    fps: int = 10,
    size: tuple[int, int] = (160, 120),
    **options: str,
) -> bytes:
    """A film of one colour a second."""
    sink = BytesIO()
    width, height = size
    with av.open(sink, "w", format=container, options=options) as out:
        stream: Any = out.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(seconds * fps):
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[:] = COLOURS[number // fps % len(COLOURS)]
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())
    return sink.getvalue()


def bare(*, fps: int = 10, size: tuple[int, int] = (160, 120)) -> bytes:
    """A film in MP4 that says nothing of who made it: what would stands at its end."""
    whole = film(fps=fps, size=size, fflags="+bitexact", empty_hdlr_name="1")
    before, _, about = whole.rpartition(b"udta")
    return before + b"free" + bytes(len(about))


SECRETS = ("Birthday", "+52.5200+013.4050/", "A. Nobody", "Camera 9", "2024-05-01T10:00:00Z")
"""What `described` says of who took it."""


def described(container: str, codec: str, sound: str = "aac", **options: str) -> bytes:
    """A film of two seconds with sound, a title, a place, a maker, a camera and a date."""
    sink = BytesIO()
    title, place, maker, camera, date = SECRETS
    with av.open(sink, "w", format=container, options=options) as out:
        out.metadata.update(title=title, location=place, artist=maker, creation_time=date)
        out.metadata["com.apple.quicktime.make"] = camera
        stream: Any = out.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.metadata.update(title=title, handler_name=camera)
        spoken: Any = out.add_stream(sound, rate=48_000)
        for number in range(10):
            pixels = np.zeros((120, 160, 3), np.uint8)
            pixels[:] = COLOURS[number // 5]
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        for number in range(100):
            wave = np.sin(np.arange(960, dtype=np.float32) / 9)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, number * 960
            out.mux(spoken.encode(frame))
        out.mux(stream.encode())
        out.mux(spoken.encode())
    return sink.getvalue()


def tracked(**options: str) -> bytes:
    """A film with a second track that says where it was taken, frame by frame."""
    sink = BytesIO()
    with av.open(sink, "w", format="mov", options=options) as out:
        stream: Any = out.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        places: Any = out.add_stream("rawvideo", rate=5)
        places.width, places.height, places.pix_fmt = 16, 16, "rgb24"
        for number in range(10):
            pixels = np.full((120, 160, 3), 20 * number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            said = (SECRETS[1].encode() * 50)[: 16 * 16 * 3]
            place = np.frombuffer(said, np.uint8).reshape(16, 16, 3)
            out.mux(places.encode(av.VideoFrame.from_ndarray(place, format="rgb24")))
        out.mux(stream.encode())
        out.mux(places.encode())
    before, after = sink.getvalue().rsplit(b"mhlrvide", 1)
    return before + b"mhlrmeta" + after.replace(b"raw ", b"mebx")


def growing(last: tuple[int, int]) -> bytes:
    """A film whose frames have other sides from its second second on: VP8 lets them."""
    sink = BytesIO()
    with av.open(sink, "w", format="webm") as out:
        stream: Any = out.add_stream("libvpx", rate=2)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        later: Any = av.CodecContext.create("libvpx", "w")
        later.width, later.height, later.pix_fmt = *last, "yuv420p"
        later.time_base = stream.codec_context.time_base = Fraction(1, 2)
        for number in range(4):
            coder = later if number >= 2 else stream.codec_context
            pixels = np.zeros((coder.height, coder.width, 3), np.uint8)
            pixels[:] = COLOURS[number // 2]
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 2)
            _mux(out, stream, coder.encode(frame))
            if number in {1, 3}:
                _mux(out, stream, coder.encode(None))
    return sink.getvalue()


def _mux(out: Any, stream: Any, packets: Sequence[Any]) -> None:
    for packet in packets:
        packet.stream = stream
        out.mux(packet)


def sound() -> bytes:
    """An MP4 file without a picture track."""
    sink = BytesIO()
    with av.open(sink, "w", format="mp4") as out:
        stream: Any = out.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return sink.getvalue()


def pdf(pages: Sequence[str] = ("Hello",), *, extra: str = "", rotate: int = 0) -> bytes:
    """A PDF with a line of text and a red square on each page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {extra} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, words in enumerate(pages):
        content = f"1 0 0 rg 0 0 100 100 re f 0 g BT /F 24 Tf 20 250 Td ({words}) Tj ET"
        resources = "/Resources << /Font << /F 3 0 R >> >>"
        place = f"/Parent 2 0 R /MediaBox [0 0 200 300] /Rotate {rotate}"
        objects += [
            f"<< /Type /Page {place} /Contents {5 + 2 * number} 0 R {resources} >>",
            f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream",
        ]
    return written(objects)


def written(objects: Sequence[str], *, trailer: str = "") -> bytes:
    """A PDF of these objects; the first one is the catalogue."""
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = (
        f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {len(places) + 1} /Root 1 0 R {trailer} >>\n"
        f"startxref\n{len(body)}\n%%EOF\n"
    )
    return body + end.encode()


def url_of(data: bytes, label: str = "video/mp4") -> str:
    """The file as a data URL."""
    return f"data:{label};base64,{base64.b64encode(data).decode()}"


def video(data: bytes, label: str = "video/mp4", **more: Any) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "video_url", "video_url": {"url": url_of(data, label), **more}}


def document(data: bytes, label: str = "application/pdf", **more: Any) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "file", "file": {"file_data": url_of(data, label), **more}}
