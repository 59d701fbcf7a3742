"""The operator's label models: folders with `model.onnx`, its labels and how it is to be fed.

```json
{"width": 224, "height": 224, "layout": "NCHW", "colours": "RGB", "fit": "cover",
 "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
 "activation": "softmax", "unsafe": ["nudity", "violence"]}
```
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mediakiln.model.errors import EngineMisconfigured

SETTING: Final = "MEDIAKILN_LABEL_MODELS"
MODEL: Final = "model.onnx"
DESCRIPTION: Final = "model.json"
LABELS: Final = ("labels.txt", "labels.json")
"""One label a line, or a JSON list, in the order of the model's output."""
_CHUNK: Final = 1024 * 1024

Three = tuple[float, float, float]


class LabelModel(BaseModel):
    """What `model.json` says: how an image becomes the model's input, and what comes out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(ge=1, le=4096, description="Pixels of the input.")
    height: int = Field(ge=1, le=4096, description="Pixels of the input.")
    layout: Literal["NCHW", "NHWC"] = Field(default="NCHW", description="Order of the axes.")
    colours: Literal["RGB", "BGR"] = Field(default="RGB", description="Order of the channels.")
    fit: Literal["cover", "fill", "contain"] = Field(
        default="cover",
        description="Cut to the input's shape, stretched to it, or whole on black.",
    )
    mean: Three = Field(
        default=(0.0, 0.0, 0.0),
        description="Taken from channels of 0 to 1, in the order of `colours`.",
    )
    std: Three = Field(default=(1.0, 1.0, 1.0), description="What they are divided by then.")
    activation: Literal["softmax", "sigmoid", "none"] = Field(
        default="softmax",
        description="What makes confidences of the output: one label is right (softmax), any "
        "number of them (sigmoid), or it holds confidences (none).",
    )
    exclusive: bool | None = Field(
        default=None, description="Whether confidences add up to 1; default: as with softmax."
    )
    unsafe: tuple[str, ...] = Field(
        default=(), description="Labels that make an image unsafe; none: no safety score."
    )

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if 0.0 in self.std:
            raise ValueError("std has a 0, by which nothing can be divided")
        return self

    @property
    def one_of(self) -> bool:
        """Whether exactly one label is right, so that confidences add up to 1."""
        return self.activation == "softmax" if self.exclusive is None else self.exclusive


def read_models(folders: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Check the operator's models, and name them by their contents.

    Returns:
        Per name the absolute `folder`, and the `checksum` of all files in it, by which results
        of different models are told apart.

    Raises:
        EngineMisconfigured: a file is missing or does not fit; names the setting and the file.
    """
    return {name: _entry(name, folder) for name, folder in folders.items()}


def reads(folder: Path) -> list[Path]:
    """What must be readable for a model to be used: its folder, and what links in it lead to."""
    links = [path.resolve() for path in sorted(folder.iterdir()) if path.is_symlink()]
    return [folder, *(path for path in links if path.is_file())]


def _entry(name: str, folder: Path) -> dict[str, Any]:
    if not (folder / MODEL).is_file():
        raise _wrong(name, f"{folder / MODEL} is not a file")
    described, labels = description(name, folder), read_labels(name, folder)
    if unknown := [label for label in described.unsafe if label not in labels]:
        raise _wrong(name, f"{DESCRIPTION}: unsafe: {unknown[0]!r} is none of its labels")
    return {"folder": str(folder.resolve()), "checksum": _checksum(name, folder)}


def description(name: str, folder: Path) -> LabelModel:
    """What the folder's `model.json` says.

    Raises:
        EngineMisconfigured: it cannot be read, or holds something else.
    """
    try:
        return LabelModel.model_validate(json.loads((folder / DESCRIPTION).read_text("utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise _wrong(name, f"{DESCRIPTION}: {where}: {first['msg']}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(name, f"{folder / DESCRIPTION} cannot be read: {error}") from error


def read_labels(name: str, folder: Path) -> list[str]:
    """The model's labels, in the order of its output.

    Raises:
        EngineMisconfigured: there are none, or one is there twice.
    """
    path = next((folder / file for file in LABELS if (folder / file).is_file()), None)
    if path is None:
        raise _wrong(name, f"{folder} holds neither {LABELS[0]} nor {LABELS[1]}")
    try:
        text = path.read_text("utf-8")
        read: Any = json.loads(text) if path.suffix == ".json" else text.splitlines()
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(name, f"{path} cannot be read: {error}") from error
    if not isinstance(read, list) or not all(isinstance(label, str) for label in read):
        raise _wrong(name, f"{path.name} is no list of labels")
    labels = [label.strip() for label in read]
    while labels and not labels[-1]:
        labels.pop()  # lines after the last label
    if not labels or not all(labels):
        raise _wrong(name, f"{path.name} has no labels, or an empty one")
    return labels


def _checksum(name: str, folder: Path) -> str:
    from blake3 import blake3

    whole = blake3()
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                one = blake3()
                with path.open("rb") as file:
                    while chunk := file.read(_CHUNK):
                        one.update(chunk)
                whole.update(path.name.encode(errors="surrogateescape") + b"\0" + one.digest())
    except OSError as error:
        raise _wrong(name, f"{folder} cannot be read: {error}") from error
    return f"blake3:{whole.hexdigest()}"


def _wrong(name: str, why: str) -> EngineMisconfigured:
    return EngineMisconfigured(
        f"{SETTING}: model {name!r}: {why}",
        setting=SETTING,
        hint="a model's folder holds model.onnx, labels.txt and model.json",
    )
