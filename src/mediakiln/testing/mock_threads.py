"""A library that starts a thread when it is imported, as some do; never import it in a parent."""

import threading

_ready = threading.Event()
threading.Thread(target=_ready.set, daemon=True).start()
_held = threading.Thread(target=threading.Event().wait, daemon=True)
_held.start()


def wait() -> None:
    """Needs the thread.

    Raises:
        RuntimeError: it is not there, as after a fork.
    """
    if not _ready.wait(5) or not _held.is_alive():
        raise RuntimeError("the thread is gone")
