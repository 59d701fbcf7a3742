"""What the sandbox reports of a child it had to end."""

from mediakiln.model.errors.base import MediakilnError


class SandboxKill(MediakilnError):
    """The operation was ended by the sandbox."""

    code = "killed"
    retryable = True


class StepTimeout(SandboxKill):
    """The step ran longer than its wall-clock limit."""

    code = "step_timeout"


class MemoryExceeded(SandboxKill):
    """The step used more memory than its limit."""

    code = "memory_limit"


class ScratchExceeded(SandboxKill):
    """The step wrote more to its scratch folder than its limit."""

    code = "scratch_limit"


class TooManyProcesses(SandboxKill):
    """The step started more processes than its limit."""

    code = "process_limit"


class Crashed(SandboxKill):
    """The step's process died."""

    code = "crashed"
