"""Law 1 in force: a whole demo, all that it can be asked and brought, and then nobody's name in anything that it wrote.

Laws
1. The partners' people are canaries, and the answers show them: what is not found afterwards was there.
2. Each place is shown to be searched: a canary that is put there is found.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest

from tests.setup.demos import Clone, Demo, free_port
from tests.setup.law_one import checkout_files, files, search
from tests.setup.law_one_story import TRACE, Story, act
from tests.setup.visitor import visit


@pytest.fixture(scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    folder = tmp_path_factory.mktemp("law")
    clone, temporary = Clone(folder / "clone"), folder / "tmp"
    temporary.mkdir()
    process = Demo(
        clone, free_port(), TMPDIR=str(temporary), PARTNERS_NAMES="canaries", SPIL_DEADLINE="1.5",
        SPIL_LIVE_DEADLINE="0.7",
    )  # fmt: skip
    told = Story(clone)
    try:
        process.ready()
        await act(told, visit(clone, process, traceparent=TRACE), process)
        told.places += [(f"running/{name}", data) for name, data in files(clone.home / "partners")]
    finally:
        process.send(signal.SIGTERM)
        process.ended()
    told.places += [("stdout and stderr", "".join(process.lines).encode())]
    told.places += [*files(clone.home, "pg_wal", "1", "4"), *checkout_files(clone)]  # 1 and 4 are templates
    told.places += [(f"tmp/{name}", data) for name, data in files(temporary)]
    yield told
    clone.remove()


def test_nobody_stands_in_anything_that_the_demo_wrote(story: Story) -> None:
    assert search(story.places) == []


def test_no_answer_that_should_not_names_anybody(story: Story) -> None:
    assert search(story.told) == []


def test_the_run_was_one(story: Story) -> None:
    """What was to be shown was shown, what was to fail failed, and what is searched holds what it should."""
    shown = "\n".join(story.shown)
    for canary in ("Kanarie1", "van Zangvogel1", "Ouder1", "2009-03-14", "@leerling.example", "Jobcoach Z-"):
        assert canary in shown, canary
    assert {"SOURCE_DOWN", "SOURCE_TIMEOUT", "SOURCE_MALFORMED", "SOURCE_REFUSED", "BAD_INPUT"} <= story.codes
    names = {name for name, _ in story.places}
    assert {"requests.jsonl", "postgres.log", "stdout and stderr", "spil.public.link", "spil.public.read"} <= names
    everything = b"\n".join(data for _, data in story.places)
    assert TRACE[3:35].encode() in everything
    assert b"p11" in everything
