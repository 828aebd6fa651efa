"""deploy/compose.yaml and what lies beside it: every name in it is one that there is."""

from __future__ import annotations

import re

from registry.embedded_home import CHECKOUT
from registry.migrate import login_statements
from spil.cli import COMMANDS
from spil.settings import KNOBS, read

DEPLOY = CHECKOUT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")


def services() -> dict[str, str]:
    """The text of each service, by its name."""
    inside = re.search(r"^services:\n(.*?)^\S", COMPOSE, re.MULTILINE | re.DOTALL)
    assert inside is not None
    parts = re.split(r"^  (\w+):\n", inside[1], flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_setting_in_it_is_a_setting() -> None:
    named = set(re.findall(r"^\s+(SPIL_[A-Z_]+|PORT):", COMPOSE, re.MULTILINE))
    assert named <= {knob.name for knob in KNOBS}
    assert {
        "SPIL_DATABASE_URL",
        "SPIL_GATEWAY_URL",
        "SPIL_DIRECTORY_URL",
        "SPIL_WORKER_URL",
        "SPIL_CURSOR_KEY",
    } <= named


def test_its_urls_are_read_as_settings_once_the_secrets_are_written() -> None:
    filled = re.sub(r"\$\{[A-Z_]+(:\?[^}]*)?\}", "00112233445566778899aabbccddeeff" * 2, COMPOSE)
    settings = read(dict(re.findall(r"^\s+(SPIL_[A-Z_]+): (\S+)$", filled, re.MULTILINE)))
    assert settings.gateway_url is not None
    assert "@postgres/spil" in settings.gateway_url
    assert "spil_gateway_login" in settings.gateway_url


def test_every_secret_in_it_stands_in_the_example_without_a_value() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    example = (DEPLOY / "example.env").read_text(encoding="utf-8")
    assert asked == set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE))
    assert "deploy/.env" in (CHECKOUT / ".gitignore").read_text(encoding="utf-8").split()


def test_its_commands_hosts_and_volumes_are_there() -> None:
    known = services()
    assert set(known) == {"postgres", "migrate", "logins", "hub", "deliver"}
    commands = {entry.name for entry in COMMANDS}
    for name in ("migrate", "hub", "deliver"):
        command = re.search(r"^    command: (\S+)$", known[name], re.MULTILINE)
        assert command is not None
        assert command[1] in commands
    assert set(re.findall(r"@(\w+)/spil", COMPOSE)) == {"postgres"}
    for host, _ in re.findall(r"^      - (\./\S+?):(/\S+)", COMPOSE, re.MULTILINE):
        assert (DEPLOY / host).exists()
    assert (DEPLOY.parent / "deploy" / "Containerfile").exists()
    # A login that owns nothing serves; the owner's is the migration's alone.
    assert "spil_owner" not in known["hub"] + known["deliver"]
    assert re.search(r"127\.0\.0\.1:8000:8000", known["hub"])


def test_the_logins_are_those_that_migrate_prints() -> None:
    sql = (DEPLOY / "logins.sql").read_text(encoding="utf-8")
    printed = login_statements("spil").splitlines()
    grants = [line for line in printed if line.startswith("GRANT")]
    assert re.findall(r"^GRANT .*$", sql, re.MULTILINE) == grants
    made = [re.sub(r" PASSWORD.*", "", line) for line in printed if line.startswith("CREATE")]
    assert re.findall(r"'(CREATE ROLE [^']*)'", sql) == made
    names = re.findall(r'CREATE ROLE "(\w+)"', sql)
    assert re.findall(r'ALTER ROLE "(\w+)" PASSWORD', sql) == names
    assert re.findall(r"rolname = '(\w+)'", sql) == names
    given = set(re.findall(r"--set=(\w+)=", COMPOSE))
    assert given == set(re.findall(r":'(\w+)'", sql))
