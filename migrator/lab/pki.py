"""The lab's own certificate authorities: one a lab, or one a cluster where the world asks for the
old kind, with a server certificate for this machine.

A CA of this kind never belongs into a system's trust store: it is handed out by DescribeCluster
only, as EKS hands out each cluster's own.
"""

import datetime as dt
import functools
import ipaddress
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# ``old``: as those of clusters that were made on Kubernetes 1.16 or earlier, which no upgrade
# replaces: RSA, basic constraints alone, no key usage and no key identifiers, all with one subject
# (kubernetes-client/python issue 2394, containers-roadmap issue 2638).
AuthorityKind: TypeAlias = Literal["new", "old"]
_Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_LIFETIME = dt.timedelta(days=365)
_CA_FILE, _CERT_FILE, _KEY_FILE = "ca.pem", "server.pem", "server.key"
_CA_NAMES: Mapping[AuthorityKind, str] = {"new": "embedded lab CA", "old": "kubernetes"}
_SERVER_NAMES: Mapping[AuthorityKind, str] = {"new": "kubernetes", "old": "kube-apiserver"}


@dataclass(frozen=True, slots=True, repr=False)
class Pki:
    """Certificates in PEM. ``server_key`` is secret: it is written with mode 0600 and never
    printed.
    """

    ca: bytes
    server_certificate: bytes
    server_key: bytes

    def write(self, folder: Path) -> None:
        """Write the three files into ``folder`` (made with mode 0700 if it is missing)."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in (
            (_CA_FILE, self.ca),
            (_CERT_FILE, self.server_certificate),
            (_KEY_FILE, self.server_key),
        ):
            _write_private(folder / name, content)

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """A TLS server context. OpenSSL reads keys from files only, so the files are written to
        ``folder`` first.
        """
        self.write(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(folder / _CERT_FILE, folder / _KEY_FILE)
        context.set_alpn_protocols(["http/1.1"])
        return context


def make_pki(now: dt.datetime, kind: AuthorityKind = "new", number: int = 0) -> Pki:
    """Make a CA and a server certificate for 127.0.0.1, ::1 and localhost, valid from a day before
    ``now``. ``number``: which of a process's authorities of the old kind, whose keys take a
    noticeable time to make.
    """
    ca_key: _Key = ec.generate_private_key(ec.SECP256R1())
    if kind == "old":
        ca_key = _rsa_key(number)
    key = ec.generate_private_key(ec.SECP256R1())
    ca_name, name = _name(_CA_NAMES[kind]), _name(_SERVER_NAMES[kind])
    authority = _builder(ca_name, ca_name, ca_key, now)
    server = (
        _builder(name, ca_name, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificate_sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_own_names()), critical=False)
    )
    if kind == "old":
        unlimited = x509.BasicConstraints(ca=True, path_length=None)
        authority = authority.add_extension(unlimited, critical=True)
    else:
        ca_key_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_key_id)
        own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        authority = (
            authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(certificate_sign=True), critical=True)
            .add_extension(ca_key_id, critical=False)
        )
        server = server.add_extension(issuer_id, critical=False).add_extension(
            own_id, critical=False
        )
    pem = serialization.Encoding.PEM
    return Pki(
        ca=authority.sign(ca_key, hashes.SHA256()).public_bytes(pem),
        server_certificate=server.sign(ca_key, hashes.SHA256()).public_bytes(pem),
        server_key=key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


@functools.cache
def _rsa_key(_number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _own_names() -> list[x509.GeneralName]:
    """The names of this machine."""
    return [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: _Key, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
    )


def _key_usage(*, certificate_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_sign,
        crl_sign=certificate_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
