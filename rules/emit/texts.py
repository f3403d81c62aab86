"""Texts, put together, cut and looked at."""

import ast
from collections.abc import Callable

from rules import syntax
from rules.ir import Call, Const
from rules.writer import Emit, Writer


def text_test(function: Callable[[str, str], bool]) -> Emit:
    """Ask something about two texts, of which an absent one fulfils nothing."""

    def unless_null(text: str | None, part: str | None) -> bool:
        return text is not None and part is not None and function(text, part)

    def emit(writer: Writer, call: Call) -> ast.expr:
        text, part = call.arguments
        if isinstance(part, Const) and part.value is not None:
            first, again = writer.kept(writer.value(text))
            return syntax.both(syntax.is_there(first), writer.call(function, again, writer.value(part)))
        return writer.call(unless_null, writer.value(text), writer.value(part))

    return emit


def joined(writer: Writer, call: Call) -> ast.expr:
    """Put texts behind each other; an absent one is empty."""
    texts = [writer.value_or(one, "") for one in call.arguments]
    return ast.JoinedStr([ast.FormattedValue(text, -1) for text in texts])


def part(writer: Writer, call: Call) -> ast.expr:
    """
    Cut a text out of a text, in code points.

    A negative start counts from the end; a negative length leaves as many off the end. Source: jsonlogic.com.
    """
    first, cut = writer.kept(writer.value(call.arguments[0]))
    start, *length = [int(one.value) for one in call.arguments[1:] if isinstance(one, Const)]  # type: ignore[arg-type]
    rest: ast.expr = cut
    for piece in (slice(start, None), *[slice(most) for most in length]):
        rest = ast.Subscript(rest, writer.constant(piece), ast.Load())
    return syntax.choice(syntax.is_none(first), syntax.NONE, rest)
