"""Certificates for tests, made on the spot: an authority, and what it issues; nothing of them outlives the test's folder."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Issued:
    """A certificate and its key as PEM files."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in small hexadecimal digits."""
        whole = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return hashlib.sha256(whole.public_bytes(serialization.Encoding.DER)).hexdigest()


@dataclass
class Authority:
    """Issues certificates into a folder."""

    folder: Path
    name: str = "ca"
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def own(self) -> Path:
        """The authority's own certificate."""
        path = self.folder / f"{self.name}.pem"
        if not path.exists():
            path.write_bytes(self._signed(self.name, self._key, None, authority=True).public_bytes(serialization.Encoding.PEM))
        return path

    def issue(self, name: str, days: int = 1, named: bool = True) -> Issued:
        """A certificate for one DNS name; `days` below 0 is one that has run out; not `named`: the name stands in its subject alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        found = Issued(self.folder / f"{self.name}-{name}.pem", self.folder / f"{self.name}-{name}.key")
        found.certificate.write_bytes(self._signed(name, key, name if named else None, days=days).public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        found.key.write_bytes(private)
        return found

    def client(self, shown: Issued | None) -> ssl.SSLContext:
        """How a sender connects: it believes this authority, and shows a certificate or none."""
        context = ssl.create_default_context(cafile=str(self.own))
        context.check_hostname = False
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.key)
        return context

    def _signed(
        self, name: str, key: ec.EllipticCurvePrivateKey, dns: str | None, days: int = 1, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        begun = now + timedelta(days=min(days, 0) - 1)
        made = x509.CertificateBuilder().subject_name(called).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(begun).not_valid_after(now + timedelta(days=days))
        made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        if dns:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
        return made.sign(self._key, hashes.SHA256())
