"""How things are named and counted in a program's terms."""

from typing import Annotated

from msgspec import Meta

Code = Annotated[
    str,
    Meta(
        # Not "$" at the end: that also matches before a line break.
        pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?![\s\S])",
        description="Lower-case letters, digits, - and _; 1 to 63 characters.",
        examples=["points"],
    ),
]

Points = Annotated[int, Meta(ge=1, le=10**15, description="In the smallest unit of the point currency.")]
Name = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9_]{0,62}(?![\s\S])", description="Lower-case letters, digits and _; a letter first."),
]
