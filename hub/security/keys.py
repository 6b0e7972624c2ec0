"""At every door: the keys that clients show. 256 random bits, said once, kept as a keyed hash; a database read by a thief opens nothing."""

from __future__ import annotations

import base64
import re
import secrets
import string

from hub.ledger.sealing import Sealing

_ALPHABET = string.digits + string.ascii_letters
_LENGTH = 43
"""62^43 is a little more than 2^256."""
_FORM = re.compile(rf"hub_([a-z0-9][a-z0-9-]{{1,62}})_[0-9A-Za-z]{{{_LENGTH}}}")


def new_key(client: str) -> str:
    """A fresh key: `hub_<client>_<random>`; the first part lets a leaked key be told apart and its owner be called."""
    return f"hub_{client}_{''.join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}"


def owner(presented: str) -> str | None:
    """Whose key this claims to be; None when it has not the form of one."""
    found = _FORM.fullmatch(presented)
    return found[1] if found else None


def key_hash(sealing: Sealing, key: str) -> bytes:
    """What is kept of a key."""
    return sealing.hash("client-key", key)


def new_webhook_secret() -> str:
    """32 random bytes as Standard Webhooks writes them: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
