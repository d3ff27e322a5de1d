"""A certificate authority and one certificate of it, as files: what people start dask with."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from migrator.fleet.adapters.dask_scheduler import Scheduler

_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
_END = datetime.datetime(2120, 1, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files."""

    ca: Path
    certificate: Path
    key: Path

    def scheduler(self, address: str) -> Scheduler:
        """The scheduler at an address, to a client with these files."""
        return Scheduler(address, str(self.ca), str(self.certificate), str(self.key))

    def security(self) -> Any:  # noqa: ANN401 - dask's
        """The same for scheduler and workers."""
        from distributed import Security

        names = {"key": str(self.key), "cert": str(self.certificate)}
        roles = {
            f"tls_{role}_{kind}": path
            for role in ("scheduler", "worker", "client")
            for kind, path in names.items()
        }
        return Security(require_encryption=True, tls_ca_file=str(self.ca), **roles)


def tls_files(folder: Path) -> TlsFiles:
    """A new authority each time."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate(
        "authority", authority_key, "authority", authority_key, is_authority=True
    )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate("member", key, "authority", authority_key, is_authority=False)
    found = TlsFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    found.ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    found.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return found


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
