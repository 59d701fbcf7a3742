"""A claim is renewed as long as the work goes on, and not a moment longer."""

import asyncio

import pytest

from mediakiln.model.errors import EngineUnavailable, LeaseLost
from mediakiln.stages.process.claims import Claims
from support.waiting import eventually
from support.world import World

STEP = {"steps": {"one": {"op": "mock.copy"}}}


class Deaf(Claims):
    """A cancellation is lost in the time-out that it meets."""

    renewals = 0
    waiting = 0
    error: type[EngineUnavailable | LeaseLost] = EngineUnavailable

    async def _renew(self, held: object) -> None:
        del held
        self.renewals += 1
        self.waiting = 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise self.error from None


@pytest.mark.parametrize("error", [EngineUnavailable, LeaseLost])
async def test_a_renewal_that_does_not_hear_of_the_end_renews_no_more_and_ends_nobody(
    world: World, error: type[EngineUnavailable | LeaseLost]
) -> None:
    asset = await world.upload(recipe=STEP)
    claims = Deaf(world.ledger, owner="me", lease_s=0.03)
    claims.error = error
    before = asyncio.all_tasks()
    async with claims.held(asset):
        await eventually(lambda: claims.waiting == 1)
    await eventually(lambda: not asyncio.all_tasks() - before)
    assert claims.renewals == 1
