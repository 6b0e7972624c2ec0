"""Beneath every MLLP connection: bytes to frames and back (HL7 MLLP release 1: VT, content, FS, CR). Knows no HL7 and does no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
_MARK = re.compile(rb"[\x0b\x1c]")


class FrameFault(StrEnum):
    """What was wrong between or within frames; counted and recorded by whoever listens, never with the bytes."""

    JUNK = "junk"
    RESTARTED = "restarted"
    TOO_LARGE = "too-large"
    NO_TRAILER = "no-trailer"
    TRUNCATED = "truncated"
    TOO_SLOW = "too-slow"
    TOO_MANY = "too-many"
    UNREAD = "unread"
    NO_TLS = "no-tls"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's content, without VT, FS and CR."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and what of the frame was there (at most 4 kB), so that its sender can be named. `ends` when nothing can follow it."""

    kind: FrameFault
    head: bytes = b""
    ends: bool = True


Read = Frame | Fault


def framed(content: bytes) -> bytes:
    """The bytes of a frame."""
    return VT + content + FS + CR


class Deframer:
    """Takes bytes as they come and gives frames, one for each `next()`; holds at most one frame and one read.

    Bytes before VT are discarded, up to `junk_bytes` between two frames (blanks and line ends are no fault); VT inside a frame
    begins it again; the byte after FS must be CR.
    """

    def __init__(self, frame_bytes: int, junk_bytes: int = 4096, head_bytes: int = 4096) -> None:
        self._frame_bytes = frame_bytes
        self._junk_bytes = junk_bytes
        self._head_bytes = head_bytes
        self._buffer = bytearray()
        self._open = False
        self._searched = 0
        self._junk = 0
        self._stray = False

    @property
    def begun(self) -> bool:
        """Whether something came since the last frame: from then on the time for a frame runs."""
        return self._open or bool(self._buffer) or self._junk > 0

    @property
    def awaits_trailer(self) -> bool:
        """Whether a whole frame is there but for its last CR."""
        return self._open and self._buffer[-1:] == FS

    @property
    def head(self) -> bytes:
        """The beginning of the frame that is being read."""
        return bytes(self._buffer[: self._head_bytes]) if self._open else b""

    def feed(self, chunk: bytes) -> None:
        """More bytes of the connection."""
        self._buffer += chunk

    def next(self) -> Read | None:
        """The next frame or fault; None when more bytes are needed."""
        if not self._open:
            fault = self._find_start()
            if fault is not None or not self._open:
                return fault
        return self._read_content()

    def _find_start(self) -> Fault | None:
        start = self._buffer.find(VT)
        skipped = len(self._buffer) if start < 0 else start
        self._stray = self._stray or bool(self._buffer[:skipped].strip())
        self._junk += skipped
        del self._buffer[: skipped + (start >= 0)]
        if self._junk > self._junk_bytes:
            return Fault(FrameFault.JUNK)
        if start < 0:
            return None
        stray, self._stray, self._junk = self._stray, False, 0
        self._open, self._searched = True, 0
        return Fault(FrameFault.JUNK, ends=False) if stray else None

    def _read_content(self) -> Read | None:
        mark = _MARK.search(self._buffer, self._searched)
        content = mark.start() if mark else len(self._buffer)
        if content > self._frame_bytes:
            return Fault(FrameFault.TOO_LARGE, self.head)
        self._searched = content
        if mark is None:
            return None
        if mark.group() == VT:
            head = bytes(self._buffer[: min(content, self._head_bytes)])
            del self._buffer[: content + 1]
            self._searched = 0
            return Fault(FrameFault.RESTARTED, head, ends=False)
        return self._finish(content)

    def _finish(self, content: int) -> Read | None:
        after = self._buffer[content + 1 : content + 2]
        if not after:
            return None
        if after != CR:
            return Fault(FrameFault.NO_TRAILER, bytes(self._buffer[: min(content, self._head_bytes)]))
        frame = Frame(bytes(self._buffer[:content]))
        del self._buffer[: content + 2]
        self._open, self._searched = False, 0
        return frame
