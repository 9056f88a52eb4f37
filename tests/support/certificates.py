"""Authorities, certificates and keys for TLS, made for a test."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Certificate"]

_ADDRESS = ipaddress.ip_address("127.0.0.1")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as files in PEM."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey
    path: Path
    key_path: Path

    @classmethod
    def authority(cls, folder: Path, name: str) -> Self:
        """Make a certificate that issues others."""
        return cls._make(folder, name, None, days=1)

    def issue(self, folder: Path, name: str, *, days: float = 1) -> "Certificate":
        """Make a certificate of this authority for 127.0.0.1, valid for `days` from now."""
        return self._make(folder, name, self, days=days)

    @classmethod
    def _make(cls, folder: Path, name: str, issuer: "Certificate | None", *, days: float) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(
                x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True
            )
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(_ADDRESS)]), critical=False)
            .sign(issuer.private_key if issuer else key, hashes.SHA256())
        )
        path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cls(certificate, key, path, key_path)
