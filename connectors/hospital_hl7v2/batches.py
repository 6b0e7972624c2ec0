"""Before translating: the messages of a file, which may be MLLP frames, messages one after another, or an HL7 batch (chapter 2.10.3)."""

from __future__ import annotations

import re

_FRAME = re.compile(rb"\x0b([^\x1c\x0b]*)\x1c")
_EACH = re.compile(rb"(?<=[\r\n])(?=MSH[^\w\s])")
_ENVELOPE = re.compile(rb"(?:^|(?<=[\r\n]))(FHS|BHS|BTS|FTS)([^\r\n]*)[\r\n]*")
_TRAILER = re.compile(rb"(?:^|(?<=[\r\n]))BTS[^\r\n]*")
_COUNT = re.compile(rb"[^\w\s](\d+)")


def messages(content: bytes) -> tuple[bytes, ...]:
    """The messages of a file, in order: its frames; else those of its batches; else what begins at each line with MSH.

    A batch that is cut off, or whose trailer counts other messages than there are, stays whole: splitting refuses it by name, and nothing of it is
    processed.
    """
    if b"\x0b" in content and (frames := _FRAME.findall(content)):
        return tuple(frames)
    plain = content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if plain[:3] in (b"FHS", b"BHS"):
        return _of_batch(plain) or (content,)
    return tuple(_EACH.split(plain)) if plain.startswith(b"MSH") else (content,)


def _of_batch(plain: bytes) -> tuple[bytes, ...]:
    """The messages of a batch file that is whole; none when it is not."""
    envelope = [(found[1], found[2]) for found in _ENVELOPE.finditer(plain)]
    if not re.fullmatch(rb"FHS(?:BHSBTS)*FTS|(?:BHSBTS)+", b"".join(name for name, _ in envelope)):
        return ()
    trailers = [_COUNT.match(rest) for name, rest in envelope if name == b"BTS"]
    batches = [_inside(part) for part in _TRAILER.split(plain)[: len(trailers) or 1]]
    if any(said and int(said[1]) != len(each) for each, said in zip(batches, trailers, strict=False)):
        return ()
    return tuple(one for each in batches for one in each)


def _inside(part: bytes) -> tuple[bytes, ...]:
    """The messages between the envelopes."""
    bare = _ENVELOPE.sub(b"", part).lstrip(b"\r\n")
    return tuple(_EACH.split(bare)) if bare else ()
