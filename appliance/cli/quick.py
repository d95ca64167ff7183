"""Words of the command line that need no conversion are taken as they are.

Typer asks pydantic to convert every parameter, also texts and flags: loading it and building its
converters is a quarter of a second of CPU on a box, at every start. So words that are what they
should be pass by it, and whatever else there is goes the usual way. It reaches into typer, so it
leaves a version of typer that has no such place alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer import core
from typer._click import Context
from typer._coercion import RuntimeParam, TypeDescriptor
from typer._param_types import coerce_cli_path
from typer.models import ParameterInfo

_PLACE = "build_runtime_param"


def take_words_as_they_are() -> None:
    """For all commands of this process; again changes nothing."""
    usual = getattr(core, _PLACE, None)
    if usual is None or getattr(usual, "__module__", "") == __name__:
        return

    def build(descriptor: TypeDescriptor) -> RuntimeParam:
        return _Quick(descriptor.parameter_info, descriptor.annotation, descriptor, usual)

    setattr(core, _PLACE, build)


@dataclass(frozen=True)
class _Quick(RuntimeParam):
    """A parameter whose converter is built when a word needs it."""

    descriptor: TypeDescriptor
    usual: Any
    """Typer's own way."""

    def _coerce_value(self, value: Any, param: Any, ctx: Context) -> Any:
        info, wanted = self.parameter_info, self.descriptor.annotation
        free = info.parser is None and info.path_type is None
        if free and wanted is Path and isinstance(value, str | Path):
            return coerce_cli_path(Path(value), info, path_type=Path, param=param, ctx=ctx)
        if free and wanted == list[str] and _are_texts(value):
            return list(value)
        if free and wanted in (str, int, float) and type(value) is wanted and _within(value, info):
            return value
        return self.usual(self.descriptor)._coerce_value(value, param=param, ctx=ctx)


def _within(value: Any, info: ParameterInfo) -> bool:
    """Whether a default is one that could be given."""
    least, most = info.min, info.max
    return (least is None or value >= least) and (most is None or value <= most)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(type(one) is str for one in value)
