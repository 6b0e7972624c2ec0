"""Receivers of webhooks for tests: real sockets, plain or TLS, that note what they were sent and answer as they are told."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(status: int, body: bytes = b"", *lines: str) -> Answer:
    """A plain answer, on a connection that stays open."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *lines]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    return answer


@dataclass
class Receiver:
    port: int = 0
    connections: int = 0
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)


@asynccontextmanager
async def receiver(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    noted = Receiver()
    tasks: set[asyncio.Task[None]] = set()
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: noted.server_names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        noted.connections += 1
        try:
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
                head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                noted.heads.append({":first": first, **head})
                noted.bodies.append(await reader.readexactly(int(head.get("content-length", "0"))))
                await answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(opened, "127.0.0.1", 0, ssl=tls)
    noted.port = server.sockets[0].getsockname()[1]
    try:
        yield noted
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Authority:
    """A certificate authority of the test's own."""

    folder: Path
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def trust(self) -> ssl.SSLContext:
        """What a client that knows this authority alone trusts, otherwise as strict as the hub's own."""
        context = ssl.create_default_context(cadata=self._certificate(_name("test authority"), self._key.public_key(), None).decode())
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def serves(self, host: str, *, days: int = 1, own: bool = False) -> ssl.SSLContext:
        """A server's context for this host; `days` below 0: expired; `own`: signed by itself and by nobody else."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = key if own else None
        chain = self.folder / f"{host}{days}{own}.pem"
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        chain.write_bytes(private + self._certificate(_name(host), key.public_key(), host, days, signer))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, host: str | None, days: int = 1, signer: ec.EllipticCurvePrivateKey | None = None
    ) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        begins, ends = sorted((now + datetime.timedelta(days=days), now - datetime.timedelta(days=3)))
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject if signer else _name("test authority")).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(signer or self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
