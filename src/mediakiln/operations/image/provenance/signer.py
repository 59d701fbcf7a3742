"""The operator's certificate and key, checked before anything is signed with them."""

import hashlib
from pathlib import Path
from typing import Any, Final, Literal

from mediakiln.model.errors import EngineMisconfigured

Algorithm = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]
"""As C2PA calls them (Technical Specification 2.2, 13.2)."""
SETTINGS: Final = "MEDIAKILN_CREDENTIALS_CERTIFICATE and MEDIAKILN_CREDENTIALS_KEY"
_CURVES: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def read_signer(
    certificate: Path | None,
    key: Path | None,
    algorithm: Algorithm | None,
    anchors: Path | None,
) -> dict[str, Any]:
    """What `Context.credentials` tells of signing and trust: paths, algorithm, fingerprint.

    `fingerprint` is that of the certificates, and changes whenever results would. Nothing of the
    key is in it. Without a certificate and key nothing is signed; without anchors no signature
    is trusted, only valid.

    Raises:
        EngineMisconfigured: a file is missing or is not what it should be, or they do not belong
            together.
    """
    told: dict[str, Any] = {}
    texts = []
    if anchors is not None:
        texts.append(_certificates("MEDIAKILN_CREDENTIALS_ANCHORS", anchors)[1])
        told["anchors"] = str(anchors.resolve())
    if (certificate is None) != (key is None):
        raise EngineMisconfigured(f"credentials need both {SETTINGS}")
    if certificate is not None and key is not None:
        chain, text = _certificates("MEDIAKILN_CREDENTIALS_CERTIFICATE", certificate)
        found = _matching(chain[0], key, algorithm)
        texts.append(text)
        told |= {
            "certificate": str(certificate.resolve()),
            "key": str(key.resolve()),
            "algorithm": found,
        }
    if told:
        told["fingerprint"] = hashlib.sha256(b"\0".join(texts)).hexdigest()
    return told


def _certificates(setting: str, path: Path) -> tuple[list[Any], bytes]:
    from cryptography import x509

    try:
        text = path.read_bytes()
        return x509.load_pem_x509_certificates(text), text
    except OSError as error:
        raise EngineMisconfigured(f"{setting}: {path}: {error.strerror}") from error
    except ValueError as error:
        raise EngineMisconfigured(
            f"{setting}: {path} holds no certificates", hint="certificates in PEM, the signer first"
        ) from error


def _matching(certificate: Any, path: Path, algorithm: Algorithm | None) -> Algorithm:
    """The algorithm, once the key is the certificate's and can be used with it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    setting = "MEDIAKILN_CREDENTIALS_KEY"
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise EngineMisconfigured(f"{setting}: {path}: {error.strerror}") from error
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise EngineMisconfigured(
            f"{setting}: {path} holds no key that can be read",
            hint="a private key in PEM (PKCS #8) without a password",
        ) from error
    if key.public_key() != certificate.public_key():
        raise EngineMisconfigured(f"{setting}: the key is not that of the first certificate")
    usual = _usual(key)
    chosen: Any = algorithm or usual
    if usual is None or chosen[:2] != usual[:2] or (usual[:2] != "ps" and chosen != usual):
        raise EngineMisconfigured(
            f"MEDIAKILN_CREDENTIALS_ALGORITHM: the key does not sign with {chosen}",
            allowed=usual or "keys on P-256, P-384, P-521, Ed25519, or RSA",
        )
    found: Algorithm = chosen
    return found


def _usual(key: Any) -> str | None:
    """What a key signs with when nobody says."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES.get(key.curve.name)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    return "ps256" if isinstance(key, rsa.RSAPrivateKey) else None
