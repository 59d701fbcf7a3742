"""Figures and states as people read them."""

from collections.abc import Iterable

from rich.table import Column, Table

from mediakiln.client import Asset
from mediakiln.model.kind import AssetState

STYLES = {
    AssetState.READY: "green",
    AssetState.FAILED: "red",
    AssetState.REJECTED: "red",
    AssetState.PROCESSING: "yellow",
}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


def size(count: float) -> str:
    """Bytes in decimal units, to three digits."""
    unit = 0
    while count >= _STEP and unit < len(_UNITS) - 1:
        count /= _STEP
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.3g} {_UNITS[unit]}"


def seconds(value: float | None) -> str:
    """Seconds to two digits; a hyphen where there is no time yet."""
    return "-" if value is None else f"{value:.2f} s"


def id_column() -> Column:
    """Ids whole, however narrow the terminal: people paste them."""
    return Column("id", no_wrap=True, min_width=36)


def asset_table(assets: Iterable[Asset]) -> Table:
    """A line per asset."""
    table = Table(id_column(), "name", "kind", "state", "size", "products", "time", box=None)
    for asset in assets:
        state = f"[{STYLES.get(asset.state, 'default')}]{asset.state}[/]"
        table.add_row(
            asset.id,
            _plain(asset.name),
            str(asset.kind or "-"),
            state,
            size(asset.bytes),
            str(len(asset.products)),
            seconds(asset.turnaround_s),
        )
    return table


def result_table(assets: Iterable[Asset]) -> Table:
    """Finished assets with their steps and products, for the end of a run."""
    table = Table("file", "kind", "steps", "products", "sizes", "turnaround", box=None)
    for asset in assets:
        steps = "\n".join(f"{step.name}: {step.state}" for step in asset.steps)
        if asset.error:
            steps += f"\n[red]{asset.error.code}: {_plain(asset.error.message)}[/]"
        products = "\n".join(product.name for product in asset.products)
        sizes = "\n".join(size(product.bytes) for product in asset.products)
        table.add_row(
            f"{_plain(asset.name)} ({size(asset.bytes)})",
            str(asset.kind or "-"),
            steps,
            products,
            sizes,
            seconds(asset.turnaround_s),
        )
        table.add_section()
    return table


def _plain(text: str) -> str:
    """Text without the brackets that would be read as markup."""
    return text.replace("[", r"\[")
