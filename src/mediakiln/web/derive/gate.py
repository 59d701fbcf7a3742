"""Who may have images made: holders of a signed address, of an API key, or this very machine."""

from dataclasses import dataclass

from mediakiln.model.access import Scope
from mediakiln.model.errors import SignatureMissing
from mediakiln.web.access import allowed
from mediakiln.web.auth import COOKIE, asks_this_machine, from_this_machine
from mediakiln.web.derive.call import Call
from mediakiln.web.derive.rules import ImageRules


@dataclass(frozen=True, slots=True)
class Permit:
    """What a request may see, and who may keep the answer."""

    project: str | None
    """The only project whose assets it may see; None: any, by their ids, which nobody guesses."""
    public: bool
    """Whoever has the address may have the answer: shared caches may keep it."""
    lasting: bool = False
    """The same address will be permitted to everybody: the answer to one is an answer to all."""


SIGNED = Permit(project=None, public=True, lasting=True)
"""Of an address whose signature is right."""


class Gate:
    """Permits what carries no signature. Each grammar verifies its own signatures before."""

    def __init__(self, rules: ImageRules) -> None:
        self._rules = rules

    async def unsigned(self, call: Call) -> Permit:
        """What a request without a signature is permitted.

        Raises:
            SignatureMissing: nothing; it would have to be signed.
            Unauthorised, Forbidden: its key is not valid, or may not read.
        """
        if not self._rules.signed:
            return Permit(project=None, public=True, lasting=True)
        if "authorization" in call.headers or COOKIE in call.headers.get("cookie", ""):
            await call.admit()
            return Permit(project=allowed(call.scope, Scope.READ).project, public=False)
        if self._rules.local and from_this_machine(call.scope) and asks_this_machine(call.scope):
            return Permit(project=None, public=True)
        raise SignatureMissing(
            "addresses of images must be signed here",
            hint="sign it with `mediakiln url sign`, or send a key that may read",
        )
