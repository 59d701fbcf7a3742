"""The contract suites for whoever writes an engine or an operation.

Subclass one in a test module and give it its fixture; each suite's module says which. To see
what a failed assertion compared, add `pytest.register_assert_rewrite("mediakiln.testing")` to
your conftest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mediakiln.testing.broker import BrokerContract
    from mediakiln.testing.catalog import CatalogContract
    from mediakiln.testing.detector import DetectorContract
    from mediakiln.testing.notifier import NotifierContract
    from mediakiln.testing.object_store import ObjectStoreContract
    from mediakiln.testing.operation import OperationContract
    from mediakiln.testing.runner import RunnerContract

_PLACES = {
    "BrokerContract": "broker",
    "CatalogContract": "catalog",
    "DetectorContract": "detector",
    "NotifierContract": "notifier",
    "ObjectStoreContract": "object_store",
    "OperationContract": "operation",
    "RunnerContract": "runner",
}

__all__ = [
    "BrokerContract",
    "CatalogContract",
    "DetectorContract",
    "NotifierContract",
    "ObjectStoreContract",
    "OperationContract",
    "RunnerContract",
]


def __getattr__(name: str) -> Any:
    """A suite, imported when it is asked for: each needs other libraries."""
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
