"""A certificate authority of the tests' own, and certificates that it issues for signing."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """PEM files of a signer."""

    certificate: Path
    key: Path
    anchors: Path

    def settings(self) -> dict[str, Path]:
        """As the operator's settings name them."""
        return {
            "credentials_certificate": self.certificate,
            "credentials_key": self.key,
            "credentials_anchors": self.anchors,
        }


def issue(folder: Path, algorithm: str = "es256") -> Identity:
    """A new authority, and a certificate for signing claims (C2PA 2.2, section 14.5) by it."""
    folder.mkdir(parents=True, exist_ok=True)
    above, key = _key(algorithm), _key(algorithm)
    root = _certificate("Test authority", above, "Test authority", above, authority=True)
    leaf = _certificate("Test studio", key, "Test authority", above, authority=False)
    paths = Identity(folder / "chain.pem", folder / "key.pem", folder / "anchors.pem")
    paths.certificate.write_bytes(_pem(leaf) + _pem(root))
    paths.anchors.write_bytes(_pem(root))
    paths.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    paths.key.chmod(0o600)
    return paths


def _key(algorithm: str) -> Any:
    if algorithm.startswith("ps"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(name: str, key: Any, issuer: str, above: Any, *, authority: bool) -> Any:
    now = dt.datetime.now(dt.UTC)
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
            "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    usage["key_cert_sign" if authority else "digital_signature"] = True
    subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 30 * _DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(subject, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False
        )
    )
    if not authority:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(above, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _pem(certificate: Any) -> bytes:
    data: bytes = certificate.public_bytes(serialization.Encoding.PEM)
    return data
