from tests.walls import mutants
from tests.walls.catching import alive, caught, table
from tests.walls.conftest import Raise
async def test_mine(raised: Raise) -> None:
    async with raised(1) as (walls, world):
        tried = [m for m in [*mutants.of_predicates(), *mutants.of_policies(), *mutants.of_props()] if m.what.split()[-1].split(".")[0] in ("due","overdue","figure_overdue","placement_question") or (m.kind=="prop" and m.what in ("due","overdue","placement_question"))]
        fates = [(m, await caught(walls, world, m)) for m in tried]
    print("\n".join(table(fates)))
    assert alive(fates) == []
