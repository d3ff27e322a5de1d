"""Certificates for ways that fail: made once a process, P-256 keys."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Issuer:
    """A certificate authority and what it signs with."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    pem: str
    has_identifiers: bool


@dataclass(frozen=True)
class Served:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def context(self, folder: Path) -> ssl.SSLContext:
        """A server that shows it."""
        folder.mkdir(parents=True, exist_ok=True)
        both = folder / "server.pem"
        both.write_bytes(self.certificate + self.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return context


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)  # noqa: TID251 - OpenSSL judges by the machine's clock


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


@lru_cache
def issuer(common: str = "kubernetes", *, old_form: bool = False, number: int = 0) -> Issuer:
    """An authority; ``old_form``: without key identifiers, as Kubernetes made them up to 1.16.
    ``number`` makes several of one name.
    """
    del number
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - 400 * _DAY)
        .not_valid_after(_now() + 400 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
    )
    if not old_form:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Issuer(name, key, pem, not old_form)


@lru_cache
def served(by: Issuer, *, name: str = "127.0.0.1", begins: int = -2, ends: int = 200) -> Served:
    """A server's certificate, valid between two days from today."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("kube-apiserver"))
        .issuer_name(by.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() + begins * _DAY)
        .not_valid_after(_now() + ends * _DAY)
        .add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
    )
    if by.has_identifiers:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()),
            critical=False,
        )
    certificate = builder.sign(by.key, hashes.SHA256())
    return Served(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
