"""A certificate for servers on loopback, made by Java's own tool."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from toolkit import HOST, Failed, Place, need


class Certificate(NamedTuple):
    """A server's key with its certificate, which is also the authority to trust."""

    keystore: Path
    """PKCS #12."""
    password: str
    authority: Path
    """PEM."""


def certificate(place: Place) -> Certificate:
    """The place's certificate for 127.0.0.1 and localhost, made the first time."""
    made = Certificate(place.file("server.p12"), "mediakiln", place.file("authority.pem"))
    if made.authority.exists():
        return made
    tool = need("keytool", "install Java 17, which brings it")
    made.keystore.unlink(missing_ok=True)
    store = ["-keystore", str(made.keystore), "-storepass", made.password, "-alias", "server"]
    _run(
        *(
            tool,
            "-genkeypair",
            *store,
            "-storetype",
            "PKCS12",
            "-keyalg",
            "RSA",
            "-keysize",
            "2048",
        ),
        *("-dname", "CN=mediakiln tests", "-validity", "3650"),
        *("-ext", f"SAN=ip:{HOST},dns:localhost", "-ext", "BC=ca:true"),
    )
    _run(tool, "-exportcert", "-rfc", *store, "-file", str(made.authority))
    return made


def _run(*argv: str) -> None:
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"keytool failed:\n{done.stdout[-2000:]}")
