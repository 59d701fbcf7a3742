"""Secrets that are made at the first start and kept in the data folder."""

import os
import secrets
from pathlib import Path


def kept(path: Path, *, prefix: str = "") -> str:
    """The secret in a file; made, at mode 0600, where there is none. Safe to call in parallel."""
    made = f"{prefix}{secrets.token_urlsafe(32)}"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(made)
        os.link(draft, path)  # whole at once: nobody reads a part of it
    except FileExistsError:
        return path.read_text().strip()
    finally:
        draft.unlink()
    return made
