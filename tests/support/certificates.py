"""Authorities, certificates and keys for TLS, made for a test."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Certificate"]

_KEY_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as files in PEM."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey
    path: Path
    key_path: Path

    @classmethod
    def authority(cls, folder: Path, name: str) -> "Certificate":
        """Make a certificate that issues others."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(**{usage: usage == "key_cert_sign" for usage in _KEY_USAGES})
        certificate = (
            _builder(name, _subject(name), key, days=1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        return _written(folder, name, certificate, key)

    def issue(
        self, folder: Path, name: str, *, days: float = 1, host: str = "127.0.0.1"
    ) -> "Certificate":
        """Make a certificate of this authority for a host, valid for `days` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts = x509.SubjectAlternativeName([_host_name(host)])
        certificate = (
            _builder(name, self.certificate.subject, key, days)
            .add_extension(hosts, critical=False)
            .sign(self.private_key, hashes.SHA256())
        )
        return _written(folder, name, certificate, key)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Before the end of a certificate that has expired.
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
    )


def _written(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> Certificate:
    path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificate(certificate, key, path, key_path)
