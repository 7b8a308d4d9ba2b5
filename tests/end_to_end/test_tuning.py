"""A search for settings by Optuna on a real master: proposed, run over seeds, told back, and gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from seedcast import Client
from seedcast.errors import InvalidInput
from seedcast.shared.spec.study import StudySpec
from seedcast.tuning import Tried, tune
from tests.cli.test_experiments import run
from tests.processes import Server

BASE = {
    "objective": {"id": "noisy_sphere", "kwargs": {"dimension": 3}},
    "strategy": {"name": "snes", "sigma_init": 0.1},
    "population_size": 8,
    "test": {"every": 5, "episodes": 4},
    "stop": {"generations": 5},
}


def search(name: str, draws: int) -> StudySpec:
    return StudySpec.model_validate(
        {
            "name": name,
            "specification": BASE,
            "axes": [
                {"field": "strategy.sigma_init", "low": 0.001, "high": 1.0, "scale": "log"},
                {"field": "population_size", "low": 6, "high": 12, "integer": True},
                {"field": "objective.kwargs", "values": [{"dimension": 3}, {"dimension": 4}]},
            ],
            "draws": draws,
            "seeds": 2,
            "budget": {"environment_steps": 1000, "runs_at_once": 4},
        }
    )


def test_trials_are_proposed_run_over_seeds_and_gone_on_with(cluster: Server, tmp_path: Path) -> None:
    storage, said = f"sqlite:///{tmp_path}/tuning.db", list[Tried]()
    with Client(cluster.url) as client:
        first = tune(client, search("tuned", 2), storage=storage, say=said.append)
        whole = tune(client, search("tuned", 4), storage=storage, say=said.append)
        runs = [client.experiment(row.id) for row in client.experiments() if row.name.startswith("tuned-")]
    assert sorted(one.number for one in said) == [0, 1, 2, 3]
    assert {one.number: one.score for one in first}.items() <= {one.number: one.score for one in whole}.items()
    assert len({one.values["strategy.sigma_init"] for one in whole}) == 4, "a search that goes on draws anew"
    scores = [one.score for one in whole]
    assert None not in scores
    assert scores == sorted(scores, key=lambda score: score or 0.0), (
        "the sphere is minimised: the least is the best"
    )
    assert len(runs) == 8
    for one_run in runs:
        _, trial, _ = one_run.name.split("-")
        values = next(one.values for one in whole if one.number == int(trial))
        assert one_run.spec.population_size == values["population_size"]
        assert one_run.spec.objective
        assert one_run.spec.objective.kwargs == values["objective.kwargs"]


def test_a_storage_that_is_none_and_one_of_another_search_are_refused(cluster: Server, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database " * 100)
    storage = f"sqlite:///{tmp_path}/tuning.db"
    other = search("kept", 2).model_dump(mode="json", exclude_unset=True)
    other["axes"] = other["axes"][:1]
    with Client(cluster.url) as client:
        for none in ("", "bad://x", "sqlite:////proc/x.db", f"sqlite:///{tmp_path}/text.db"):
            with pytest.raises(InvalidInput, match="storage: cannot be used: ") as refused:
                tune(client, search("kept", 1), storage=none)
            assert len(str(refused.value).splitlines()) == 1
        tune(client, search("kept", 1), storage=storage)
        more = search("kept", 1).model_dump(mode="json", exclude_unset=True)
        more["budget"]["runs_at_once"] = 1  # says nothing of what a trial is
        assert len(tune(client, StudySpec.model_validate(more), storage=storage)) == 1
        with pytest.raises(InvalidInput, match="storage: holds trials of another study named kept"):
            tune(client, StudySpec.model_validate(other), storage=storage)


def test_the_command_says_each_trial_and_prints_them_as_json(cluster: Server, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(search("by-command", 1).model_dump(mode="json", exclude_unset=True)))
    done = run(cluster, "study", "tune", file, "--json")
    assert done.returncode == 0, done.stderr
    assert "trial 0: strategy.sigma_init=" in done.stderr
    assert '"score"' in done.stdout


def test_a_search_that_does_not_say_what_to_vary_is_refused(cluster: Server) -> None:
    spec = search("none", 2).model_copy(update={"axes": []})
    with Client(cluster.url) as client, pytest.raises(InvalidInput, match="axes: is needed"):
        tune(client, spec)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"halving": {"first_environment_steps": 100}}, "halving: is not heeded"),
        ({"budget": {"environment_steps": 1000, "core_hours": 1}}, "core_hours: is not heeded"),
    ],
)
def test_what_a_search_does_not_heed_is_refused(cluster: Server, changes: dict[str, object], words: str) -> None:
    spec = StudySpec.model_validate(search("unheeded", 2).model_dump(mode="json", exclude_unset=True) | changes)
    with Client(cluster.url) as client, pytest.raises(InvalidInput, match=words):
        tune(client, spec)


def test_values_that_do_not_fit_are_named_and_leave_no_trial_begun(cluster: Server, tmp_path: Path) -> None:
    spec = search("misfit", 1).model_dump(mode="json", exclude_unset=True)
    spec["axes"] = [{"field": "population_size", "values": [0]}]
    storage = f"sqlite:///{tmp_path}/tuning.db"
    with Client(cluster.url) as client:
        with pytest.raises(InvalidInput, match="population_size"):
            tune(client, StudySpec.model_validate(spec), storage=storage)
        (tried,) = tune(client, StudySpec.model_validate(spec), storage=storage)
    assert tried.score is None
