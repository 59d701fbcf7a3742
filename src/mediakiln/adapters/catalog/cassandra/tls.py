"""What a Cassandra catalog's URL says about TLS."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mediakiln.model.errors import EngineMisconfigured

OPTIONS = ("tls", "ca", "certificate", "key", "verify")
_SWITCH = {"true": True, "1": True, "false": False, "0": False}
_VERIFY = ("full", "ca", "none")


@dataclass(frozen=True, slots=True)
class Tls:
    """How connections are encrypted.

    Attributes:
        ca: a file of certificates in PEM to trust; None for those the system trusts.
        certificate: a file in PEM with our own, for nodes that ask for one.
        key: a file in PEM with its key, where that is not in the same file.
        verify: `full` for a trusted certificate with the node's address in it, `ca` for a trusted
            one, `none` for any.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    verify: str = "full"

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self | None:
        """What the options say; None for no TLS.

        Raises:
            EngineMisconfigured: a value cannot be one, or stands without `tls=true`.
        """
        given = {name: options[name] for name in OPTIONS if name in options}
        text = given.pop("tls", "false").lower()
        if text not in _SWITCH:
            raise _wrong("tls", text, "true or false")
        if not _SWITCH[text]:
            if given:
                raise _wrong("tls", text, f"true where {', '.join(given)} is given")
            return None
        for name in {"ca", "certificate", "key"} & set(given):
            if not Path(given[name]).is_file():
                raise _wrong(name, given[name], "a file in PEM")
        if "key" in given and "certificate" not in given:
            raise _wrong("key", given["key"], "for a certificate, which is missing")
        made = cls(**given)
        if made.verify not in _VERIFY:
            raise _wrong("verify", made.verify, f"one of {', '.join(_VERIFY)}")
        return made

    def context(self) -> ssl.SSLContext:
        """The settings of a connection.

        Raises:
            EngineMisconfigured: a file holds no certificate, or no key of it.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except ssl.SSLError as error:
            raise EngineMisconfigured(
                f"MEDIAKILN_CATALOG: ca, certificate or key holds something else: {error.reason}",
                hint="each is a file in PEM, and the key is the certificate's",
            ) from error
        context.check_hostname = self.verify == "full"
        context.verify_mode = ssl.CERT_NONE if self.verify == "none" else ssl.CERT_REQUIRED
        return context


def _wrong(name: str, text: str, wanted: str) -> EngineMisconfigured:
    return EngineMisconfigured(
        f"MEDIAKILN_CATALOG: {name} is {text!r}", value=text, hint=f"{name} is {wanted}"
    )
