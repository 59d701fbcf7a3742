"""What `mediakiln doctor` checks, in the order a newcomer would meet the problems."""

from mediakiln.roles.checkup.codecs import codecs
from mediakiln.roles.checkup.configuration import configuration
from mediakiln.roles.checkup.findings import Finding
from mediakiln.roles.checkup.machine import machine
from mediakiln.roles.settings import Settings

__all__ = ["Finding", "checkup"]


async def checkup(settings: Settings) -> list[Finding]:
    """Every check."""
    return [*codecs(), *await machine(settings), *await configuration(settings)]
