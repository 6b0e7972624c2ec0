"""Said at every stage of the flow: the Welsh and English of every reason, status and explanation, looked up by key.

The catalogues are gettext files, `en/<domain>.po` and `cy/<domain>.po`; a msgid is a key, its msgstr the words with `{placeholders}`.
They are read at the first look-up, once.
"""

from __future__ import annotations

from schemas.words.bilingual import Text
from schemas.words.catalogue import WordsMissing, keys, text

__all__ = ["Text", "WordsMissing", "keys", "text"]
