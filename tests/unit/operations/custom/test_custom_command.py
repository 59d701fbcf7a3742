import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from mediakiln.model.errors import (
    CommandFailed,
    EngineMisconfigured,
    InvalidRecipe,
    UnsupportedMedia,
)
from mediakiln.operations.custom.command import command
from mediakiln.operations.custom.config import read_commands
from mediakiln.ports.operation import Context
from mediakiln.ports.runner import Task, TaskDone, TaskFailed, Work
from mediakiln.sandbox.runner import ForkRunner
from mediakiln.testing.runner_tools import LIMITS

SCRIPT = """
import pathlib, sys
source, out, *rest = sys.argv[1:]
pathlib.Path(out, "result.txt").write_text("\\n".join([pathlib.Path(source).suffix, *rest]))
"""


def python(*argv: str, **more: Any) -> dict[str, Any]:
    """A command that runs Python code."""
    made = {"produces": [{"file": "result.txt", "media_type": "text/plain"}]}
    return {"argv": [sys.executable, "-c", *argv]} | made | more


def run(
    tmp_path: Path,
    table: dict[str, Any],
    name: str = "tool",
    *,
    args: dict[str, str] | None = None,
    upload: str = "photo.PNG",
) -> list[str]:
    source = tmp_path / "source"
    source.write_bytes(b"upload")
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    context = Context(media_type="image/png", name=upload, commands=table)
    params = {"command": name, "args": args or {}}
    return [made.file for made in command.run(source, params, out, context)]


def test_placeholders_are_filled_into_single_arguments(tmp_path: Path) -> None:
    options = {"size": {"pattern": "[0-9]+", "default": "100"}, "text": {"pattern": ".*"}}
    argv = (SCRIPT, "{named}", "{out}", "--size={size}px", "{text}", "{{x}}")
    text = "a b; touch /tmp/x $(id) {source} 'q'"
    assert run(tmp_path, {"tool": python(*argv, options=options)}, args={"text": text}) == [
        "result.txt"
    ]
    lines = (tmp_path / "out/result.txt").read_text().splitlines()
    assert lines == [".PNG", "--size=100px", text, "{x}"]


@pytest.mark.parametrize("upload", ["x", "x.tar/..", "x.b c", "x." + "e" * 40, ".hidden"])
def test_an_odd_extension_is_left_out(tmp_path: Path, upload: str) -> None:
    run(tmp_path, {"tool": python(SCRIPT, "{named}", "{out}")}, upload=upload)
    assert (tmp_path / "out/result.txt").read_text() == ""


def test_several_files_can_be_made_and_some_left_out(tmp_path: Path) -> None:
    code = "import pathlib; [pathlib.Path(f'p-{{n}}.txt').touch() for n in (2, 1)]"
    produces = [
        {"file": "p-*.txt", "media_type": "text/plain"},
        {"file": "notes.txt", "media_type": "text/plain", "optional": True},
    ]
    assert run(tmp_path, {"tool": python(code, produces=produces)}) == ["p-1.txt", "p-2.txt"]


def test_a_file_that_was_not_made_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"made no result\.txt"):
        run(tmp_path, {"tool": python("pass")})


def test_a_failure_tells_the_status_and_the_end_of_what_was_printed(tmp_path: Path) -> None:
    code = "import sys; print('x' * 50_000, 'no such codec', file=sys.stderr); sys.exit(7)"
    with pytest.raises(CommandFailed, match="status 7") as caught:
        run(tmp_path, {"tool": python(code)})
    assert caught.value.context["status"] == 7
    assert caught.value.context["stderr"].endswith("no such codec")
    assert len(caught.value.context["stderr"]) <= 1_000


def test_a_death_by_signal_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="SIGKILL"):
        run(tmp_path, {"tool": python("import os; os.kill(os.getpid(), 9)")})


def test_a_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    entry = python("") | {"argv": ["no-such-program"]}
    with pytest.raises(CommandFailed, match="no-such-program: No such file") as caught:
        run(tmp_path, {"tool": entry})
    assert "install" in caught.value.context["hint"]


def test_an_unknown_command_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        run(tmp_path, {"tool": python(""), "other": python("")}, "rm")
    assert caught.value.context["allowed"] == ["other", "tool"]


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({"size": "12; rm"}, "args.size"),
        ({"size": "12\n"}, "args.size"),
        ({"size": "1" * 2000}, "args.size"),
        ({}, "args.size"),
        ({"size": "1", "colour": "red"}, "args"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(
    tmp_path: Path, args: dict[str, str], field: str
) -> None:
    table = {"tool": python("", options={"size": {"pattern": "[0-9]+"}})}
    with pytest.raises(InvalidRecipe) as caught:
        run(tmp_path, table, args=args)
    assert caught.value.context["field"] == field
    assert caught.value.context["allowed"] in ("[0-9]+", ["size"])


def test_a_type_the_command_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMedia) as caught:
        run(tmp_path, {"tool": python("", accepts=["video/*"])})
    assert caught.value.context["allowed"] == ["video/*"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"argv": []}, "argv"),
        ({"argv": ["{source}"]}, "command"),
        ({"argv": ["x", "{size}"]}, "command"),
        ({"produces": []}, "produces"),
        ({"produces": [{"file": "../x", "media_type": "a/b"}]}, "produces.0.file"),
        ({"produces": [{"file": "x", "media_type": "png"}]}, "produces.0.media_type"),
        ({"options": {"out": {"pattern": "x"}}}, "command"),
        ({"options": {"a": {"pattern": "("}}}, "options.a"),
        ({"options": {"a": {"pattern": "x", "default": "y"}}}, "options.a"),
        ({"shell": True}, "shell"),
    ],
)
def test_a_wrong_table_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(EngineMisconfigured) as caught:
        read_commands({"tool": python("") | change})
    assert caught.value.context["field"] == f"tool.{field}"


@pytest.mark.skipif(shutil.which("sort") is None, reason="sort is not installed")
async def test_in_the_sandbox_a_command_reads_its_source_and_nothing_else(tmp_path: Path) -> None:
    upload, secret, scratch = tmp_path / "upload", tmp_path / "secret", tmp_path / "scratch"
    upload.write_text("b\na\n")
    secret.write_text("secret")
    made = [{"file": "sorted.txt", "media_type": "text/plain"}]
    table = {
        "sort": {"argv": ["sort", "{source}", "-o", "{out}/sorted.txt"], "produces": made},
        "steal": {"argv": ["cp", str(secret), "{out}/sorted.txt"], "produces": made},
    }
    tasks = []
    for name in table:
        (scratch / name).mkdir(parents=True)
        context = Context(media_type="text/plain", commands=table)
        task = Task(
            name, "custom.command", {"command": name}, scratch / name, context, LIMITS, upload
        )
        tasks.append(task)
    runner = ForkRunner()
    work = Work("default", scratch, tasks, readable=(upload,))
    reports = {report.name: report async for report in runner.run(work)}
    isolated = runner.capabilities.isolated_files
    await runner.close()
    done, failed = reports["sort"], reports["steal"]
    assert isinstance(done, TaskDone)
    assert done.made[0].path.read_text() == "a\nb\n"
    if isolated:
        assert isinstance(failed, TaskFailed)
        assert "Permission denied" in failed.error.context["stderr"]
