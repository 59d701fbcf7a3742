"""What can be wrong with an address that asks for an image."""

from mediakiln.model.errors.base import MediakilnError


class SignatureMissing(MediakilnError):
    """The address is not signed."""

    code = "signature_missing"


class SignatureInvalid(MediakilnError):
    """The address's signature is not right."""

    code = "signature_invalid"


class AddressExpired(MediakilnError):
    """The address has expired."""

    code = "address_expired"
