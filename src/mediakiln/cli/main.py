"""The `mediakiln` command. Each subcommand's module is imported only when it is called."""

import os
import sys

from cyclopts import App, Parameter

from mediakiln.model.errors import EngineMisconfigured, MediakilnError, ModelUnavailable


def _flag(name: str) -> str:
    """Flags and choices as they are written everywhere else: MODEL3D is model3d."""
    return name.lower().replace("_", "-").strip("-")


app = App(
    name="mediakiln",
    help="Put any media file in; the work its uploader asked for comes out.",
    help_format="plaintext",
    version_flags=["--version"],
    default_parameter=Parameter(name_transform=_flag, negative_iterable=()),
)

_COMMANDS = {
    "up": ("up:up", "Run the whole platform on this machine until Ctrl-C."),
    "run": ("run:run", "Run one role until SIGTERM."),
    "demo": ("demo:demo", "Start the platform and put a sample of each kind through it."),
    "submit": ("submit:submit", "Upload files, and wait for their products if asked to."),
    "import": ("imports:import_", "Have the server fetch files from elsewhere."),
    "process": ("process:process", "Run a recipe on files with no server at all."),
    "assets": ("assets:app", "List and show assets; delete, restore or process them again."),
    "deliveries": ("deliveries:app", "List and resend what others were told of an asset."),
    "dead": ("dead:app", "List, show, replay and drop dead letters."),
    "keys": ("keys:app", "Make, list and revoke API keys."),
    "projects": ("projects:app", "Make and list projects."),
    "audit": ("audit:audit", "Who did what, when and from where."),
    "url": ("url:app", "Sign addresses of images, and explain them."),
    "signin": ("signin:signin", "Print a link that signs a browser in, once."),
    "operations": ("operations:operations", "The installed operations and their parameters."),
    "config": ("config:config", "Every setting, its value and where it came from."),
    "new": ("new:app", "Begin a new operation."),
    "init": ("init:init", "Make topics, queues, tables and buckets in the configured engines."),
    "init-storage": (
        "init_storage:init_storage",
        "Write the store's rules for expiry and cleaning.",
    ),
    "doctor": ("doctor:doctor", "Check this machine and the configured engines."),
}

for _name, (_place, _help) in _COMMANDS.items():
    app.command(f"mediakiln.cli.{_place}", name=_name, help=_help)


def main() -> None:
    """Run the command line; an expected error is one line, its remedy another."""
    try:
        app()
    except MediakilnError as error:
        print(f"mediakiln: {error}", file=sys.stderr)
        if hint := error.context.get("hint"):
            print(f"  {hint}", file=sys.stderr)
        sys.exit(os.EX_CONFIG if isinstance(error, EngineMisconfigured | ModelUnavailable) else 1)
    except BrokenPipeError:
        # Whoever reads the output has seen enough; what is left to flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
