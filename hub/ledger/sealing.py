"""In the ledger: whatever of a person rests here is AES-256-GCM under a key per referral, wrapped by the hub's key; look-ups use keyed hashes."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.errors import Misconfigured

_NONCE = 12


class NotReadable(Exception):  # noqa: N818
    """Sealed bytes do not open: another key, another row's bytes, or the referral was erased. Treat the row as unreadable; never guess."""


@dataclass(frozen=True, slots=True)
class ReferralKey:
    """One referral's own key, open (`raw`) and as it rests (`wrapped`)."""

    referral_id: UUID
    wrapped: bytes
    _cipher: AESGCM = field(repr=False)

    def seal(self, purpose: str, content: bytes) -> bytes:
        """Nonce and ciphertext; bound to the referral and to what it is for."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, f"{self.referral_id}|{purpose}".encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """The content. Raises NotReadable."""
        return _opened(self._cipher, sealed, f"{self.referral_id}|{purpose}")


@dataclass(frozen=True, slots=True)
class Sealing:
    """The hub's keys: one wraps referral keys, one makes look-up hashes, one signs. All are derived from one secret of 32 bytes."""

    _wrapping: AESGCM = field(repr=False)
    _hashing: bytes = field(repr=False)
    _signing: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> Sealing:
        """Raises Misconfigured unless the secret has 32 bytes that are not all the same."""
        if len(secret) != 32 or len(set(secret)) < 8:
            raise Misconfigured("The hub's key must be 32 random bytes in base64; make one with: openssl rand -base64 32")
        signing = Ed25519PrivateKey.from_private_bytes(hmac.digest(secret, b"sign", "sha256"))
        return cls(AESGCM(hmac.digest(secret, b"wrap", "sha256")), hmac.digest(secret, b"hash", "sha256"), signing)

    def new_key(self, referral_id: UUID) -> ReferralKey:
        """A fresh key for one referral."""
        raw = AESGCM.generate_key(256)
        nonce = os.urandom(_NONCE)
        return ReferralKey(referral_id, nonce + self._wrapping.encrypt(nonce, raw, f"{referral_id}|key".encode()), AESGCM(raw))

    def key(self, referral_id: UUID, wrapped: bytes | None) -> ReferralKey:
        """The referral's key from what rests. Raises NotReadable when it was erased (`wrapped` is None) or is another's."""
        if wrapped is None:
            raise NotReadable("erased")
        return ReferralKey(referral_id, wrapped, AESGCM(_opened(self._wrapping, wrapped, f"{referral_id}|key")))

    def seal(self, purpose: str, content: bytes) -> bytes:
        """Seal what belongs to no referral (a webhook's secret, a poison record)."""
        nonce = os.urandom(_NONCE)
        return nonce + self._wrapping.encrypt(nonce, content, purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """The content. Raises NotReadable."""
        return _opened(self._wrapping, sealed, purpose)

    def sign(self, head: bytes) -> bytes:
        """The hub's Ed25519 signature of a chain's head."""
        return self._signing.sign(head)

    def check_signature(self, head: bytes, signature: bytes) -> bool:
        """True when it is the hub's. Raises InvalidSignature when it is not."""
        self._signing.public_key().verify(signature, head)
        return True

    def hash(self, kind: str, value: str) -> bytes:
        """The keyed hash by which a person, or a client's key, is looked up."""
        return hmac.digest(self._hashing, f"{kind}|{value}".encode(), "sha256")

    def identifier_hash(self, client: str, system: str, value: str) -> bytes:
        """The keyed hash by which a client finds its own referral again: by an identifier that it gave it."""
        return self.hash("referral-identifier", f"{client}|{system.casefold()}|{value.strip()}")


def read_secret(path: Path, *, make: bool) -> bytes:
    """The hub's secret from its file (base64, mode 0600), made when `make` and it is not there. Raises Misconfigured."""
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
    try:
        return base64.b64decode(path.read_bytes().strip(), validate=True)
    except (OSError, ValueError):
        raise Misconfigured(f"The hub's key cannot be read from {path}: put 32 random bytes there in base64 (openssl rand -base64 32), mode 0600.") from None


def body_hash(body: bytes) -> bytes:
    """What tells one body from another under the same request key."""
    return sha256(body).digest()


def _opened(cipher: AESGCM, sealed: bytes, bound_to: str) -> bytes:
    try:
        return cipher.decrypt(bytes(sealed[:_NONCE]), bytes(sealed[_NONCE:]), bound_to.encode())
    except (InvalidTag, ValueError):
        raise NotReadable("does not open") from None
