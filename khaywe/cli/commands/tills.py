"""``khaywe till`` and ``signing-key``: pricing without a ledger."""

from typing import Annotated

import typer

from khaywe.cli.app import app, settings, told_plainly

tills = typer.Typer(help="Price on a till by a rule bundle, without a ledger.", no_args_is_help=True)
signing = typer.Typer(help="The key that signs rule bundles.", no_args_is_help=True)
app.add_typer(tills, name="till")
app.add_typer(signing, name="signing-key")


@tills.command("verify")
def till_verify(
    bundle: Annotated[str, typer.Argument(help="A bundle as it was downloaded; - reads standard input.")],
    key: Annotated[list[str], typer.Option(help="A trusted public key: a PEM file, or its base64. May be repeated.")],
) -> None:
    """Verify the signature of a rule bundle, and tell what it is and what pricing by it assumes."""
    with told_plainly():
        from khaywe.cli.tills import verify

        verify(bundle, key)


@tills.command("price")
def till_price(
    bundle: Annotated[str, typer.Argument(help="A bundle as it was downloaded.")],
    purchases: Annotated[str, typer.Argument(help="Purchases as NDJSON; - reads standard input.")],
    key: Annotated[list[str], typer.Option(help="A trusted public key: a PEM file, or its base64. May be repeated.")],
    receipts: Annotated[str | None, typer.Option(help="Also write what to print, and what was assumed, here.")] = None,
) -> None:
    """Price purchases provisionally, and print them with what was promised, ready to be posted; exit code 2 if any
    could not be priced.
    """
    with told_plainly():
        from khaywe.cli.tills import price

        price(bundle, key, purchases, receipts)


@signing.command("show")
def signing_key_show(
    as_base64: Annotated[
        bool, typer.Option("--base64", help="Only the one that signs, as verify_archive.py --key takes it.")
    ] = False,
) -> None:
    """Print the public keys: the one that signs, then those that did before. Makes a key if there is none."""
    with told_plainly():
        from khaywe.cli.tills import show_key

        show_key(settings(), as_base64=as_base64)


@signing.command("rotate")
def signing_key_rotate() -> None:
    """Make a new key sign from the next start on; what the old ones signed still verifies."""
    with told_plainly():
        from khaywe.cli.tills import rotate_key

        rotate_key(settings())
