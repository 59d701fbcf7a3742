"""`mediakiln signin`."""

from mediakiln.cli.asking import ask
from mediakiln.cli.assets import Data
from mediakiln.cli.connection import Server


def signin(*, data: Data = None) -> None:
    """Print a link that signs a browser in, once, within ten minutes."""
    print(ask(Server(data), "POST", "/v1/signin")["url"])
