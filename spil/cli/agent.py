"""`spil agent`: the program that runs at a school, without a database and without an open port."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from spil.agent.running import Files, Hub, Listening

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SCHOOL = re.compile(r"[0-9]{2}[A-Z]{2}[0-9]{2}")


@click.command(context_settings={"auto_envvar_prefix": "SPIL_AGENT"})
@click.option("--folder", type=FOLDER, required=True, help="Where the school's exports are.")
@click.option("--school", required=True, help="BRIN and location, such as 18BR00; dossiers of another are refused.")
@click.option("--hub", help="The source's address at the hub: https://hub.example/agent/SOURCE.")
@click.option("--listen", metavar="HOST:PORT", help="Dial nobody; answer HTTP on this machine, behind your proxy.")
@click.option("--token-url", help="Where the school gets its tokens (OAuth 2, client credentials).")
@click.option("--client", help="The agent's client at that address.")
@click.option("--key", type=FILE, help="Its private key, PEM or JWK (private_key_jwt).")
@click.option("--kid", help="The key's id, when the key does not say it.")
@click.option("--audience", help="Whom the proof is for, when not the token address.")
@click.option("--scope", default="harvest", show_default=True, help="The scope to ask for; empty asks for none.")
@click.option("--token-file", type=FILE, help="Or: a file in which somebody else keeps a token that is valid.")
@click.option("--authority", type=FILE, help="The only certificate authority to trust (PEM), not the public ones.")
@click.option("--secret", type=FILE, help="With --listen: the file with what the hub has to bring.")
@click.option("--mapping", type=FILE, help="What the columns of a CSV are, when not Spil's own (docs/mappings.md).")
@click.option("--column", "columns", multiple=True, metavar="WORD=COLUMN", help="The column of a name in a CSV.")
@click.option("--sidecar", default="aanvulling.csv", show_default=True, help="The table beside the files.")
def agent(**told: Any) -> None:
    """Answer the hub for a school that has only exports and opens no port.

    Reads every *.csv and *.xml (OSO) in the folder, and again when one changes. A table beside them, by leerlingid
    (--sidecar), says what OSO does not: uitstroomprofiel, verwachteuitschrijving, urenperweek.

    What leaves the building: profiles without a name, when the hub harvests; and a name, birth date, mail or phone for
    the numbers that the hub asks, at the moment that somebody looks who may see them. In between they stand in this
    program's memory and nowhere else. The log has counts and places, not even a file's name.

    A file that is being written or cannot be read keeps what was read of it last. Take files that are no longer true
    out of the folder: of several that name a student the first by name counts, and who stands in none has gone.

    \b
      spil agent --folder /srv/exports --school 18BR00 --hub https://hub.example/agent/18br00 \\
          --token-url https://login.school.example/token --client spil-agent --key /etc/spil/agent.pem
      spil agent --folder /srv/exports --school 18BR00 --listen 127.0.0.1:9100 --secret /etc/spil/secret

    Every option may stand in the environment: --token-url is SPIL_AGENT_TOKEN_URL.
    """
    from spil.agent.running import run
    from spil.log import Log
    from spil.server import run_until_signal

    run_until_signal(run(_files(told), _to(told), Log()))


def _files(told: dict[str, Any]) -> Files:
    from schema.errors import BadInput
    from spil.agent.names import WORDS
    from spil.agent.running import Files
    from spil.cli.files import mapping_text

    if not SCHOOL.fullmatch(told["school"]):
        raise BadInput("--school is a BRIN and a location, such as 18BR00.")
    pairs = [one.partition("=") for one in told["columns"]]
    if not all(word in WORDS and column for word, _, column in pairs):
        raise BadInput(f"--column is WORD=COLUMN; a word is one of {', '.join(WORDS)}.")
    mapping, columns = mapping_text(told["mapping"]), {word: column for word, _, column in pairs}
    return Files(told["folder"], told["school"], told["sidecar"], mapping, columns, str(told["mapping"] or ""))


def _to(told: dict[str, Any]) -> Hub | Listening:
    from schema.errors import BadInput
    from spil.agent.listening import place_of, secret_of
    from spil.agent.running import Hub, Listening
    from wire.oauth import ClientCredentials
    from wire.tls import Tls

    if (told["hub"] is None) == (told["listen"] is None):
        raise BadInput("Give --hub, or --listen.")
    if told["listen"] is not None:
        if told["secret"] is None:
            raise BadInput("--listen wants --secret.")
        return Listening(*place_of(told["listen"]), secret_of(told["secret"]))
    tls = Tls(told["authority"]) if told["authority"] else None
    three = (told["token_url"], told["client"], told["key"])
    if told["token_file"] is not None and not any(three):
        return Hub(told["hub"], token_file=told["token_file"], tls=tls)
    if told["token_file"] is not None or not all(three):
        raise BadInput("Give --token-url, --client and --key, or --token-file.")
    key = told["key"].read_text(encoding="utf-8")
    words = (told["kid"], told["scope"] or None, told["audience"])
    return Hub(told["hub"], ClientCredentials(told["token_url"], told["client"], key, *words), tls=tls)
