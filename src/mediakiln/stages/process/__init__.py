"""Process: claim a run, run its steps in the sandbox, commit their products, say so."""

from mediakiln.stages.process.stage import Process

__all__ = ["Process"]
