"""Options that belong together are fields of one dataclass, and one parameter of a command."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, get_type_hints


class OptionGroup:
    """Base of dataclasses whose fields are annotated as options; ``panel`` is their heading in the help."""

    panel: ClassVar[str]


def grouped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command for typer, which then sees an option for each field of its parameters that are groups."""
    groups: dict[str, type[OptionGroup]] = {}
    seen: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, OptionGroup):
            groups[parameter.name] = parameter.annotation
            seen += _options(parameter.annotation)
        else:
            seen.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})  # type: ignore[arg-type]
        return command(**given)

    run.__signature__ = inspect.Signature(seen)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in seen}
    return run


def _options(group: type[OptionGroup]) -> Iterator[inspect.Parameter]:
    annotations = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):  # type: ignore[arg-type]
        annotation = annotations[field.name]
        option = copy.copy(annotation.__metadata__[0])
        option.rich_help_panel = group.panel
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[annotation.__origin__, option],
        )
