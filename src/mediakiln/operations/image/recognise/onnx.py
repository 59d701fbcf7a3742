"""Recognisers by ONNX Runtime: one model, fed as its folder says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mediakiln.model.errors import EngineMisconfigured, ModelUnavailable
from mediakiln.operations.image.recognise.found import Pixels
from mediakiln.operations.image.recognise.label_model import (
    MODEL,
    SETTING,
    LabelModel,
    description,
    read_labels,
)

_TYPES: Final = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_ONLY_ERRORS: Final = 3
_MOST: Final = 255.0


@dataclass(frozen=True, slots=True)
class OnnxRecogniser:
    """Gives every label of its model a confidence. `looks` says how it wants to see images."""

    name: str
    looks: LabelModel
    labels: tuple[str, ...]
    session: Any
    dtype: Any

    @classmethod
    def load(cls, name: str, folder: Path) -> "OnnxRecogniser":
        """The model in a folder, with one thread.

        Raises:
            ModelUnavailable: ONNX Runtime is not installed, or the folder holds no model that
                it can run and that fits its description.
        """
        try:
            looks, labels = description(name, folder), read_labels(name, folder)
        except EngineMisconfigured as error:
            raise ModelUnavailable(error.message, **error.context) from error
        session = _session(name, folder / MODEL)
        dtype = _checked_input(name, session, looks)
        return cls(name, looks, tuple(labels), session, dtype)

    def __call__(self, pixels: Pixels) -> Mapping[str, float]:
        """Confidences, 0 to 1, by label.

        Args:
            pixels: height x width x 3 bytes, red, green, blue, of the size it wants.

        Raises:
            ModelUnavailable: what comes out is not one number per label.
        """
        names = self.session.get_inputs()[0].name, self.session.get_outputs()[0].name
        try:
            (output,) = self.session.run([names[1]], {names[0]: self._tensor(pixels)})
        except Exception as error:
            raise _unfit(self.name, f"it cannot be run: {_brief(error)}") from error
        values = np.asarray(output, dtype=np.float64).reshape(-1)
        if values.size != len(self.labels):
            raise _unfit(
                self.name, f"it gives {values.size} numbers and has {len(self.labels)} labels"
            )
        if not np.isfinite(values).all():
            raise _unfit(self.name, "it gives numbers that are not finite")
        confidences = np.clip(_activated(values, self.looks.activation), 0.0, 1.0)
        return dict(zip(self.labels, confidences.tolist(), strict=True))

    def _tensor(self, pixels: Pixels) -> Any:
        ordered = pixels[:, :, ::-1] if self.looks.colours == "BGR" else pixels
        if self.dtype is np.uint8:
            tensor = ordered
        else:
            unit = ordered.astype(np.float32) / _MOST
            mean, std = (np.array(three, np.float32) for three in (self.looks.mean, self.looks.std))
            tensor = (unit - mean) / std
        if self.looks.layout == "NCHW":
            tensor = tensor.transpose(2, 0, 1)
        return np.ascontiguousarray(tensor[np.newaxis], dtype=self.dtype)


def _session(name: str, path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelUnavailable(
            f"labels need onnxruntime, which cannot be imported: {error}",
            hint="pip install 'mediakiln[labels]'",
        ) from error
    options = onnxruntime.SessionOptions()
    # One thread: several a process, in several processes, wait for one another.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_ERRORS
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        said = _brief(error).replace(str(path), "the file")  # who uploads learns no paths
        raise _unfit(name, f"{MODEL} cannot be loaded: {said}") from error


def _checked_input(name: str, session: Any, looks: LabelModel) -> Any:
    """The type of the model's input, which is one image of the described size."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise _unfit(name, f"it has {len(inputs)} inputs instead of one")
    sides = (looks.height, looks.width)
    wanted = (1, 3, *sides) if looks.layout == "NCHW" else (1, *sides, 3)
    shape = list(inputs[0].shape)
    fits = len(shape) == len(wanted) and all(
        not isinstance(have, int) or have in {want, -1}
        for have, want in zip(shape, wanted, strict=True)
    )
    if not fits:
        raise _unfit(name, f"its input is {shape}, and model.json says {list(wanted)}")
    if inputs[0].type not in _TYPES:
        raise _unfit(name, f"its input is of {inputs[0].type}; known are {', '.join(_TYPES)}")
    return _TYPES[inputs[0].type]


def _activated(values: Any, activation: str) -> Any:
    if activation == "softmax":
        powers = np.exp(values - values.max())
        return powers / powers.sum()
    if activation == "sigmoid":
        return 1.0 / (1.0 + np.exp(-np.clip(values, -500.0, 500.0)))
    return values


def _brief(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _unfit(name: str, why: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{SETTING}: model {name!r}: {why}",
        setting=SETTING,
        hint="mend the files of its folder; `mediakiln doctor` tries them",
    )
