"""`spil issuers`: who may issue tokens, and for which parties."""

from __future__ import annotations

import re

import click

from spil.cli import Entry, Listed
from spil.cli.administration import as_json, with_ended

COMMANDS = (
    Entry("add", "spil.cli.issuers:add", "Trust an issuer, or let it speak for more parties."),
    Entry("list", "spil.cli.issuers:show_all", "List the issuers."),
    Entry("end", "spil.cli.issuers:end", "End an issuer, or what it speaks for."),
)
CLAIMS = frozenset({"party", "function", "purpose", "azp", "sub", "scope"})
ISSUER = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


@click.command(name="issuers", cls=Listed, entries=COMMANDS)
def issuers() -> None:
    """The OIDC issuers that may speak for parties. Rows are ended, never deleted."""


@click.command()
@click.argument("issuer")
@click.option("--party", "parties", multiple=True, metavar="KEY", help="A party's key, or its start: 'municipality:*'.")
@click.option("--audience", help="The `aud` of its tokens for this hub; needed for a new issuer.")
@click.option("--algorithm", "algorithms", multiple=True, help="RS256, PS256, ES256 or EdDSA; default PS256 and ES256.")
@click.option(
    "--claim", "claims", multiple=True, metavar="OURS=THEIRS", help="What the issuer calls one of our claims."
)
@click.option("--machine", is_flag=True, help="Machine tokens: they may live 6 hours, others 1.")
@click.option("--again", is_flag=True, help="Trust an issuer that was ended.")
def add(
    issuer: str,
    parties: tuple[str, ...],
    audience: str | None,
    algorithms: tuple[str, ...],
    claims: tuple[str, ...],
    machine: bool,
    again: bool,
) -> None:
    """Trust ISSUER (https://...), or with --party alone let one that is there speak for more parties.

    \b
      spil issuers add https://login.example/realms/wsp --audience spil --party 'servicepoint:*'
    """
    from registry.permits import IssuerTerms, add_issuer
    from schema.errors import BadInput
    from spil.cli import finish
    from spil.cli.administration import database

    if not ISSUER.fullmatch(issuer):
        raise BadInput("An issuer is an https address without query, as its tokens write it in `iss`.")
    for pattern in parties:
        _judge_pattern(pattern)
    terms = None
    if audience is not None:
        terms = IssuerTerms(audience, _algorithms(algorithms), _claim_names(claims), machine)
    elif algorithms or claims or machine:
        raise BadInput("--algorithm, --claim and --machine go with --audience.")
    added = finish(add_issuer(database(), issuer, terms, parties, again=again))
    click.echo(f"{'Added' if terms else 'Already there'}; it speaks for {added} more keys or beginnings of keys.")


@click.command(name="list")
@with_ended
@as_json
def show_all(ended: bool, as_json: bool) -> None:
    """List the issuers and the parties they may speak for."""
    from registry.permits import list_issuers
    from spil.cli import finish
    from spil.cli.administration import database, show

    rows = finish(list_issuers(database(), ended=ended))
    show(rows, ("issuer", "audience", "algorithms", "machine", "from", "until", "parties"), as_json)


@click.command()
@click.argument("issuer")
@click.option("--party", metavar="KEY", help="End only this key or beginning, as `list` shows it.")
def end(issuer: str, party: str | None) -> None:
    """End ISSUER: its tokens are refused within seconds. With --party only for that key or beginning."""
    from registry.permits import end_issuer
    from spil.cli import finish
    from spil.cli.administration import database

    click.echo(f"{finish(end_issuer(database(), issuer, party))} rows ended.")


def _judge_pattern(pattern: str) -> None:
    from auth.viewer import PARTIES
    from schema.errors import BadInput
    from spil.cli.administration import kind_of

    if not pattern.endswith("*"):
        kind_of(pattern)
        return
    kind, colon, start = pattern[:-1].partition(":")
    if kind not in PARTIES or not colon or not re.fullmatch(r"[A-Za-z0-9-]{0,60}", start):
        raise BadInput("A beginning of keys names its kind wholly and ends in *, such as 'municipality:*'.")


def _algorithms(given: tuple[str, ...]) -> tuple[str, ...]:
    from auth.tokens import ALGORITHMS
    from schema.errors import BadInput

    if not set(given) <= ALGORITHMS:
        raise BadInput(f"--algorithm wants one of {', '.join(sorted(ALGORITHMS))}.")
    return given or ("PS256", "ES256")


def _claim_names(given: tuple[str, ...]) -> dict[str, str]:
    from schema.errors import BadInput

    pairs = dict(text.partition("=")[::2] for text in given)
    if not set(pairs) <= CLAIMS or not all(pairs.values()):
        raise BadInput(f"--claim wants OURS=THEIRS, where OURS is one of {', '.join(sorted(CLAIMS))}.")
    return pairs
