"""Where a hospital's text enters and leaves: HL7 v2 split, read, built and acknowledged, bounded in size and free of I/O.

`split` gives a `Message` to read; `build` makes text from segments; `acknowledge` answers; `dates` reads timestamps.
Nothing here raises anything but `Rejected` for an input, whatever the bytes.
"""

from __future__ import annotations

from schemas.hl7v2.acknowledge import acknowledge
from schemas.hl7v2.build import build, segment
from schemas.hl7v2.header import Header, read_header
from schemas.hl7v2.message import Field, Message, Repetition, Segment
from schemas.hl7v2.separators import STANDARD, Separators
from schemas.hl7v2.split import DEFAULT_CAPS, Caps, split

__all__ = [
    "DEFAULT_CAPS",
    "STANDARD",
    "Caps",
    "Field",
    "Header",
    "Message",
    "Repetition",
    "Segment",
    "Separators",
    "acknowledge",
    "build",
    "read_header",
    "segment",
    "split",
]
