"""What the design says a seer may see now, as naive Python over all rows. Source: graph.md 3 and 4, tables.md.

Laws
1. Transcribed by hand; imports nothing of auth, federation or resolvers, and reads `access`, never `sight`.
2. Slow and plain on purpose: one sentence of the design, one line here. Where two pages differ, the stricter for the
    young person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from tests.walls.seers import TIERS, Seer

READ = (
    "access",
    "support_request",
    "handover",
    "student",
    "student_profile",
    "placement",
    "credential",
    "lead",
    "link",
    "opportunity",
    "contact_point",
    "contact_point_history",
    "coordinator_post",
    "coordinator_post_history",
    "covers",
    "municipality",
    "school",
    "service_point",
    "region_neighbour",
    "command",
    "source",
    "source_run",
    "uitval",
    "outbox",
    "event_log",
    "stream_head",
    "webhook",
    "webhook_key",
    "delivery",
    "due",
    "overdue",
    "figure_overdue",
)
Row = Mapping[str, Any]
Case = tuple[UUID, int]
Found = TypeVar("Found")


def once(method: Callable[[Any, Seer], Found]) -> Callable[[Any, Seer], Found]:
    """The rows do not change: an answer is worked out once per seer."""

    @wraps(method)
    def known(self: Any, seer: Seer) -> Found:
        key = (method.__name__, seer)
        if key not in self._known:
            self._known[key] = method(self, seer)
        found: Found = self._known[key]
        return found

    return known


def instant(value: Any) -> Any:
    """The driver gives the two infinities without a time zone; all else is left alone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


@dataclass
class Oracle:
    """All rows of the registry at one instant, and what follows from them for a seer."""

    now: datetime
    rows: Mapping[str, list[Row]]
    _reasons: dict[str, list[Row]] = field(default_factory=dict)
    _known: dict[tuple[str, Seer], Any] = field(default_factory=dict)

    @classmethod
    async def read(cls, owner: Any) -> Oracle:
        """Reads every row as the owner, once."""
        found: dict[str, list[Row]] = {}
        for table in READ:
            rows = await owner.fetch(f"SELECT * FROM {table}")
            found[table] = [{name: instant(value) for name, value in row.items()} for row in rows]
        return cls(await owner.fetchval("SELECT now()"), found)

    # ---- graph.md 3: why and how much

    def reasons(self, seer: Seer) -> list[Row]:
        """The open reasons: not ended, and their end is in the future."""
        if not self._reasons:
            for row in self.rows["access"]:
                if row["ended_at"].year == 9999 and row["ends_at"] > self.now:
                    self._reasons.setdefault(row["seer"], []).append(row)
        return self._reasons.get(seer.key or "", [])

    @once
    def sight(self, seer: Seer) -> dict[UUID, str]:
        """Whom the seer sees at all, with the highest tier that is open."""
        found: dict[UUID, str] = {}
        for row in self.reasons(seer):
            before = found.get(row["student"], "TRACE")
            found[row["student"]] = max(before, row["tier"], key=TIERS.index)
        return found

    def seen(self, seer: Seer, least: str = "CANDIDATE") -> set[UUID]:
        """The young people whom lists show: from CANDIDATE on."""
        return {one for one, tier in self.sight(seer).items() if TIERS.index(tier) >= TIERS.index(least)}

    def has_case(self, seer: Seer, kind: str, student: UUID, n: int) -> bool:
        """At TRACE: an open reason for this one case."""
        return any((r["student"], r["case_type"], r["case_n"]) == (student, kind, n) for r in self.reasons(seer))

    # ---- graph.md 4: the table, row by row

    @once
    def student_profile(self, seer: Seer) -> set[UUID]:
        """Everything of the profile: from CANDIDATE on."""
        return {row["student"] for row in self.rows["student_profile"]} & self.seen(seer)

    @once
    def placement(self, seer: Seer) -> set[Case]:
        """SCHOOL and MUNICIPALITY:

        of students seen, or the one case. SERVICE_POINT: also of its own opportunities only. EMPLOYER: own only.
        """
        visible = self.below(seer, "PLACEMENT", "placement")
        if seer.role == "EMPLOYER":
            visible = [row for row in visible if row["employer"] == seer.code]
        if seer.role == "SERVICE_POINT":
            own = {o["id"] for o in self.rows["opportunity"] if o["service_point"] == seer.party}
            visible = [row for row in visible if row["opportunity"] in own]
        return {(row["student"], row["n"]) for row in visible}

    @once
    def credential(self, seer: Seer) -> set[Case]:
        """Of students seen, or the one case."""
        return {(row["student"], row["n"]) for row in self.below(seer, "CREDENTIAL", "credential")}

    def below(self, seer: Seer, kind: str, table: str) -> list[Row]:
        seen, any_tier = self.seen(seer), self.sight(seer)
        return [
            row
            for row in self.rows[table]
            if row["student"] in seen
            or (row["student"] in any_tier and self.has_case(seer, kind, row["student"], row["n"]))
        ]

    @once
    def lead(self, seer: Seer) -> set[tuple[UUID, datetime]]:
        """A field of Student, which stands in the contracts of SCHOOL and MUNICIPALITY."""
        seen = self.seen(seer) if seer.role in ("SCHOOL", "MUNICIPALITY") else set()
        return {(row["student"], row["from_at"]) for row in self.rows["lead"] if row["student"] in seen}

    @once
    def link(self, seer: Seer) -> set[tuple[str, UUID, datetime]]:
        """The school's own number, for the own school only; and the keys by which partners are asked, below."""
        seen = self.seen(seer) if seer.role == "SCHOOL" else set()
        rows = [row for row in self.rows["link"] if row["student"] in seen and row["source"] == seer.party]
        rows += [row for layer in ("school", "case") for row in self._keys(seer, layer)]
        return {(row["source"], row["student"], row["from_at"]) for row in rows}

    def _keys(self, seer: Seer, layer: str) -> list[Row]:
        """graph.md 4: `identity` at IDENTIFIED, the own school's of a school; of an employer the given name.

        `support` of a municipality's own case; of the jobcoach's contact, any case. The rows of `link` behind them.
        """
        if seer.role not in ("SCHOOL", "MUNICIPALITY", "EMPLOYER"):
            return []
        told = self.seen(seer, "GIVEN_NAME" if seer.role == "EMPLOYER" else "IDENTIFIED")
        only_own = seer.role == "SCHOOL" if layer == "school" else seer.role == "MUNICIPALITY"
        kinds = ("school",) if layer == "school" else ("municipality", "service")
        return [
            row
            for row in self.rows["link"]
            if row["student"] in told
            and (row["source"] == seer.party if only_own else row["source"].partition(":")[0] in kinds)
        ]

    @once
    def asked(self, seer: Seer) -> set[tuple[UUID, str, str]]:
        """(student, 'school' or 'case', what the partner is told): of the open keys the latest."""
        found: dict[tuple[UUID, str], Row] = {}
        for layer, kinds in (("school", ("school",)), ("case", ("municipality", "service"))):
            for row in sorted(self._keys(seer, layer), key=lambda row: (row["from_at"], row["source"])):
                if row["until_at"].year == 9999 and row["source"].partition(":")[0] in kinds:
                    before = found.get((row["student"], layer))
                    if before is None or before["from_at"] < row["from_at"]:
                        found[row["student"], layer] = row
        return {(student, layer, f"{row['source']} {row['key']}") for (student, layer), row in found.items()}

    @property
    def numbers(self) -> set[tuple[str, UUID]]:
        """(source, student) of the keys that are open."""
        return {(row["source"], row["student"]) for row in self.rows["link"] if row["until_at"].year == 9999}

    @once
    def opportunity(self, seer: Seer) -> set[UUID]:
        """Public ones for all; own region; a school's neighbours too; an employer's and a service point's own."""
        regions = (
            self.regions(seer) if seer.role in ("SCHOOL", "SERVICE_POINT", "MUNICIPALITY", "COORDINATOR") else set()
        )
        if seer.role == "SCHOOL":
            regions = regions | {b["neighbour"] for b in self.rows["region_neighbour"] if b["region"] in regions}
        found = set()
        for row in self.rows["opportunity"]:
            own = (seer.role == "EMPLOYER" and row["employer"] == seer.code) or (
                seer.role == "SERVICE_POINT" and row["service_point"] == seer.party
            )
            if row["public"] or row["region"] in regions or own:
                found.add(row["id"])
        return found

    @once
    def regions(self, seer: Seer) -> set[str]:
        """The regions in which the party works: what it covers today."""
        of = {row["code"]: row["region"] for row in self.rows["municipality"]}
        of |= {row["brin"]: row["region"] for row in self.rows["school"]}
        return {row["region"] or of[row["municipality"] or row["school"]] for row in self._covered(seer)}

    def _covered(self, seer: Seer) -> list[Row]:
        mine = [row for row in self.rows["covers"] if seer.party and row["party"] == seer.party]
        return [row for row in mine if row["from_at"] <= self.now < row["until_at"]]

    @once
    def covers(self, seer: Seer) -> set[UUID]:
        return {row["id"] for row in self.rows["covers"] if seer.party and row["party"] == seer.party}

    @once
    def contact_point(self, seer: Seer) -> set[UUID]:
        """Partner-only contacts: not for the public, nor for employers, nor for who reads published figures only."""
        partner = seer.role not in ("PUBLIC", "EMPLOYER") and seer.function != "reader"
        return {row["id"] for row in self.rows["contact_point"] if partner or not row["partner_only"]}

    def coordinator_post(self, _: Seer) -> set[str]:
        """All posts; which columns is a matter of grants."""
        return {row["region"] for row in self.rows["coordinator_post"]}

    @once
    def coordinator_post_history(self, seer: Seer) -> set[tuple[str, int]]:
        """COORDINATOR: of its own post. NATIONAL: all, but not for a reader."""
        rows: Iterable[Row] = self.rows["coordinator_post_history"]
        if seer.role == "COORDINATOR":
            rows = [row for row in rows if row["region"] == seer.code]
        elif seer.role != "NATIONAL" or seer.function == "reader":
            rows = []
        return {(row["region"], row["n"]) for row in rows}

    @once
    def contact_point_history(self, seer: Seer) -> set[tuple[UUID, int]]:
        if seer.role != "NATIONAL" or seer.function == "reader":
            return set()
        return {(row["contact"], row["n"]) for row in self.rows["contact_point_history"]}

    @once
    def access(self, seer: Seer) -> set[tuple[Any, ...]]:
        """Its own reasons, open or not; of the own school's students the open ones of all."""
        mine = [row for row in self.rows["access"] if row["seer"] == seer.key]
        return {
            (row["student"], row["case_type"], row["case_n"], row["ends_at"], row["ended_at"])
            for row in (*mine, *self.grants(seer))
        }

    def grants(self, seer: Seer) -> list[Row]:
        """Who sees a student and why: open reasons, for the guidance of the own school, which sees it IDENTIFIED."""
        if seer.role != "SCHOOL" or seer.function != "guidance":
            return []
        at = {row["id"]: row["school"] for row in self.rows["student"]}
        own = {one for one in self.seen(seer, "IDENTIFIED") if at[one] == seer.code}
        return [
            row
            for row in self.rows["access"]
            if row["student"] in own and row["ended_at"].year == 9999 and row["ends_at"] > self.now
        ]

    @once
    def support_request(self, seer: Seer) -> set[Case]:
        """Of who asked and who is addressed, while they see the young person IDENTIFIED."""
        seen = self.seen(seer, "IDENTIFIED") if seer.role in ("SCHOOL", "MUNICIPALITY") else set()
        rows = [row for row in self.rows["support_request"] if seer.key in (row["from_seer"], row["to_seer"])]
        return {(row["student"], row["n"]) for row in rows if row["student"] in seen}

    @once
    def handover(self, seer: Seer) -> set[Case]:
        """Of the school that started it, while it sees the young person IDENTIFIED."""
        seen = self.seen(seer, "IDENTIFIED") if seer.role == "SCHOOL" else set()
        rows = [row for row in self.rows["handover"] if row["from_seer"] == seer.key]
        return {(row["student"], row["n"]) for row in rows if row["student"] in seen}

    @once
    def source(self, seer: Seer) -> set[str]:
        """How partner systems run: a party its own, a coordinator its region's parties', national all but readers."""
        if seer.role in ("SCHOOL", "SERVICE_POINT", "MUNICIPALITY"):
            return {row["key"] for row in self.rows["source"] if row["party"] == seer.party}
        if seer.role == "NATIONAL" and seer.function != "reader":
            return {row["key"] for row in self.rows["source"]}
        return {
            row["key"]
            for row in self.rows["source"]
            if seer.role == "COORDINATOR" and self._region_of_party(row["party"]) == seer.code
        }

    @once
    def source_run(self, seer: Seer) -> set[UUID]:
        return {row["id"] for row in self.rows["source_run"] if row["source"] in self.source(seer)}

    def _region_of_party(self, party: str) -> str | None:
        kinds = {"school": "SCHOOL", "municipality": "MUNICIPALITY", "servicepoint": "SERVICE_POINT"}
        kind, _, code = party.partition(":")
        return self._region_of(kinds.get(kind, ""), code)

    # ---- graph.md 5: who may change which contact point and post

    def may_change_contact(self, seer: Seer, kind: str, owner: str) -> bool:
        """School, board, service point, municipality, Doorstroompunt their own;

        a coordinator those of its region; national all.
        """
        own = {
            "school": "SCHOOL",
            "board": "SCHOOL_BOARD",
            "servicepoint": "SERVICE_POINT",
            "municipality": "MUNICIPALITY",
            "doorstroompunt": "DOORSTROOMPUNT",
        }
        if seer.kind == "national":
            return seer.function != "reader"
        if seer.kind == "service":
            return kind == "MUNICIPALITY" and owner in {row["municipality"] for row in self._covered(seer)}
        if seer.kind == "coordinator":
            return self._region_of(kind, owner) == seer.code
        return seer.kind in own and (own[seer.kind], seer.code) == (kind, owner)

    def _region_of(self, kind: str, owner: str) -> str | None:
        tables = {
            "SCHOOL": ("school", "brin"),
            "MUNICIPALITY": ("municipality", "code"),
            "SERVICE_POINT": ("service_point", "code"),
        }
        if kind == "REGION":
            return owner
        if kind not in tables:
            return None
        table, key = tables[kind]
        return next((row["region"] for row in self.rows[table] if row[key] == owner), None)

    def may_change_post(self, seer: Seer, region: str) -> bool:
        if seer.kind == "national":
            return seer.function != "reader"
        return (seer.kind, seer.code) == ("coordinator", region)
