"""Frames out of bytes, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.transports.mllp_frames import Deframer, Fault, Frame, FrameFault, Read, framed

JUNK, AGAIN = Fault(FrameFault.JUNK, ends=False), FrameFault.RESTARTED


def read_all(chunks: list[bytes], frame_bytes: int = 100, junk_bytes: int = 20) -> list[Read]:
    deframer = Deframer(frame_bytes, junk_bytes, head_bytes=8)
    found: list[Read] = []
    for chunk in chunks:
        deframer.feed(chunk)
        while (read := deframer.next()) is not None:
            found.append(read)
            if isinstance(read, Fault) and read.ends:
                return found
    return found


CASES = [
    (framed(b"one"), [Frame(b"one")]),
    (framed(b"one") + framed(b"two"), [Frame(b"one"), Frame(b"two")]),  # two in one segment (A2)
    (framed(b""), [Frame(b"")]),  # an empty frame (A12)
    (b"\r\n" + framed(b"one") + b"\r\n" + framed(b"two"), [Frame(b"one"), Frame(b"two")]),  # line ends between frames
    (b"noise" + framed(b"one"), [JUNK, Frame(b"one")]),  # no VT at first (A4)
    (b"x" * 21, [Fault(FrameFault.JUNK)]),  # no VT at all (A4)
    (b"\x0bhalf" + framed(b"one"), [Fault(AGAIN, b"half", ends=False), Frame(b"one")]),  # VT again (A6)
    (b"\x0bone\x1cX", [Fault(FrameFault.NO_TRAILER, b"one")]),  # something else than CR (A3)
    (b"\x0bone\x1c", []),  # CR may still come (A3)
    (b"\x0b" + b"x" * 101, [Fault(FrameFault.TOO_LARGE, b"x" * 8)]),  # larger than allowed (A7)
    (framed(b"x" * 100), [Frame(b"x" * 100)]),  # exactly as large as allowed
    (b"\x0bhalf", []),  # cut (A5)
]


@pytest.mark.parametrize(("wire", "found"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_frames_do_not_depend_on_how_the_bytes_are_cut(wire: bytes, found: list[Read], size: int) -> None:
    assert read_all([wire[start : start + size] for start in range(0, len(wire), size)]) == found


@given(st.lists(st.binary(max_size=20).map(lambda content: content.translate(None, b"\x0b\x1c")), max_size=5), st.integers(1, 9))
def test_every_frame_that_is_written_is_read(contents: list[bytes], size: int) -> None:
    wire = b"".join(framed(content) for content in contents)
    assert read_all([wire[start : start + size] for start in range(0, len(wire), size)]) == [Frame(content) for content in contents]


@given(st.binary(max_size=200), st.integers(1, 9))
def test_any_bytes_are_frames_or_faults(wire: bytes, size: int) -> None:
    for read in read_all([wire[start : start + size] for start in range(0, len(wire), size)]):
        assert isinstance(read, Frame | Fault)
