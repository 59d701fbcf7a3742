"""Questions of jobs reach the recogniser of that name; how long it took is measured."""

from dataclasses import dataclass, field

import pytest
from prometheus_client import REGISTRY

from mediakiln.model.errors import EngineUnavailable, ModelUnavailable
from mediakiln.ports.recogniser import Recognition, Wanted
from mediakiln.stages.process.answers import Answering


@dataclass
class Service:
    """A recogniser that says what it was told to, or that it is away."""

    found: Recognition | None = None
    wanted: Wanted = field(default_factory=Wanted)
    identity: str = "service://here"
    closed: list[bool] = field(default_factory=list)

    async def labels(self, image: bytes) -> Recognition:
        if self.found is None:
            raise EngineUnavailable(f"no word about {len(image)} bytes")
        return self.found

    async def check(self) -> None:
        """Always well."""

    async def close(self) -> None:
        self.closed.append(True)


def _asked(model: str, outcome: str) -> float:
    labels = {"model": model, "outcome": outcome}
    return REGISTRY.get_sample_value("mediakiln_question_seconds_count", labels) or 0.0


async def test_a_question_goes_to_the_recogniser_of_that_name() -> None:
    seen = Recognition({"Beach": 0.9}, {"Gore": 0.1}, {"the model": "7"})
    blind = Recognition({"Kite": 0.4})
    answers = Answering({"a": Service(seen), "b": Service(blind)})
    before = _asked("a", "answered")
    told = await answers("a", b"jpeg")
    assert told.told == {"labels": {"Beach": 0.9}, "unsafe": {"Gore": 0.1}}
    assert told.tools == {"the model": "7"}
    assert (await answers("b", b"jpeg")).told == {"labels": {"Kite": 0.4}, "unsafe": None}
    assert _asked("a", "answered") == before + 1


async def test_what_the_recogniser_met_is_told_and_counted() -> None:
    answers = Answering({"away": Service()})
    with pytest.raises(EngineUnavailable, match="4 bytes"):
        await answers("away", b"jpeg")
    assert _asked("away", "engine_unavailable") == 1
    with pytest.raises(ModelUnavailable, match="'other'"):
        await answers("other", b"jpeg")


async def test_all_recognisers_are_closed() -> None:
    services = {"a": Service(), "b": Service()}
    await Answering(services).close()
    assert [each.closed for each in services.values()] == [[True], [True]]
