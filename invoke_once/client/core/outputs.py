"""What an output is to a caller who named its type with `returns=`. Pure.

A TypedDict, a builtin or a generic of these says what the JSON is: it is given as it came. A `msgspec.Struct` is made
from it, checked member by member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke_once.client_errors import UnexpectedOutput

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # for the default, which typing has from 3.13 on; nothing to install

    Output = TypeVar("Output", default=Any)
else:
    from typing import TypeVar

    Output = TypeVar("Output")

__all__ = ["Output", "typed"]


def typed(value: Any, returns: Any, run_id: str) -> Any:
    """The output as `returns` has it. Raises UnexpectedOutput where a Struct does not fit."""
    if not hasattr(returns, "__struct_fields__"):
        return value
    import msgspec

    try:
        return msgspec.convert(value, returns)
    except msgspec.ValidationError as error:
        raise UnexpectedOutput(f"the output of {run_id} is no {returns.__name__}: {error}") from None
