"""Commands on a running master, as a user types them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from seedcast import Client
from tests.cli.test_specs import seedcast
from tests.processes import Server, eventually, free_port, submit, wait_for_end
from tests.specs import cartpole_values

SPHERE = {
    "name": "ball",
    "objective": {"id": "sphere", "kwargs": {"dimension": 3}},
    "strategy": {"name": "snes"},
    "population_size": 8,
    "test": {"every": 1, "episodes": 1},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cartpole.yaml"
    path.write_text(yaml.safe_dump(cartpole_values()))
    return path


def run(cluster: Server, *arguments: object) -> subprocess.CompletedProcess[str]:
    return seedcast(*map(str, arguments), SEEDCAST_URL=cluster.url)


def test_submit_list_show_log_compare_and_download_work_on_one_another(
    cluster: Server, config: Path, tmp_path: Path
) -> None:
    submitted = run(
        cluster, "submit", config, "-o", "name=walker", "-o", "stop.generations=3", "-o", "tags.team=a"
    )
    assert submitted.returncode == 0, submitted.stderr
    (experiment_id,) = submitted.stdout.split()
    assert experiment_id.startswith("walker-")
    ended = wait_for_end(cluster, experiment_id)
    assert (ended["generation"], ended["spec"]["tags"]) == (3, {"team": "a"})

    listed = run(cluster, "list", "--name", "walker").stdout
    assert listed.splitlines()[0].split()[:2] == ["id", "status"]
    assert experiment_id in listed
    assert "completed" in listed
    assert "\x1b" not in listed  # no colours into a pipe
    assert [one["id"] for one in json.loads(run(cluster, "list", "--name", experiment_id, "--json").stdout)] == [
        experiment_id
    ]
    assert run(cluster, "list", "--name", experiment_id, "--status", "failed", "--json").stdout.strip() == "[]"

    shown = run(cluster, "show", experiment_id).stdout
    assert "CartPole-v1" in shown
    assert "team=a" in shown
    assert json.loads(run(cluster, "show", "last", "--json").stdout)["id"] == experiment_id

    assert len(run(cluster, "log", experiment_id, "-n", "2").stdout.splitlines()) == 2
    assert run(cluster, "compare", experiment_id, "last").stdout.count(experiment_id) == 2

    saved = run(cluster, "download", experiment_id, "-d", tmp_path / "models")
    assert saved.stdout.strip() == str(tmp_path / "models" / "best_model.npz")
    assert (tmp_path / "models" / "best_model.npz").stat().st_size
    everything = run(cluster, "download", experiment_id, "--all", "-d", tmp_path / "all")
    assert {"config.yaml", "scores.csv", "log.txt"} <= {Path(line).name for line in everything.stdout.splitlines()}


def test_watch_shows_it_to_its_end_and_says_by_its_code_how_it_ended(cluster: Server, config: Path) -> None:
    watched = run(cluster, "submit", config, "--watch", "-o", "stop.generations=2")
    assert watched.returncode == 0
    assert "completed: all 2 generations done" in watched.stdout
    endless = run(cluster, "submit", config, "-o", "stop.generations=100000").stdout.strip()
    stopped = run(cluster, "stop", endless)
    assert stopped.stdout == f"{endless}: stopped\n"
    again = run(cluster, "watch", endless)
    assert again.returncode == 1
    assert "stopped on request" in again.stdout
    assert run(cluster, "stop", endless).returncode == 2


def test_an_objective_gives_scores_of_evaluations_and_one_is_no_plural(cluster: Server, tmp_path: Path) -> None:
    path = tmp_path / "sphere.yaml"
    path.write_text(yaml.safe_dump(SPHERE | {"stop": {"generations": 1}}))
    watched = run(cluster, "submit", path, "--watch")
    assert watched.returncode == 0, watched.stderr
    assert "mean score" in watched.stdout
    assert "over 1 evaluation\n" in watched.stdout
    assert "1 generation, 8 evaluations, " in watched.stdout
    for word in ("return", "episode", "env-step"):
        assert word not in watched.stdout
    assert "evaluations" in run(cluster, "show", "last").stdout
    assert "sphere" in run(cluster, "list", "--name", SPHERE["name"], "--limit", "1").stdout.split()


def test_a_model_of_an_ancestor_is_where_training_begins(cluster: Server, config: Path, tmp_path: Path) -> None:
    weights = [0.25, -0.5, 0.75, 1.0, -0.25, 0.5, -0.75, -1.0, 0.0, 0.0]  # (4, 2) in C order, then the bias
    (tmp_path / "old.json").write_text(json.dumps([weights]))
    models = cluster.log.parent / "data" / "models"
    models.mkdir(exist_ok=True)
    imported = seedcast("import", str(tmp_path / "old.json"), str(models / "old.npz"), "-e", "CartPole-v1")
    assert imported.returncode == 0, imported.stderr
    options = ("warm_start=models/old.npz", "policy={name: mlp, hidden: []}", "stop.generations=1")
    begun = run(cluster, "submit", config, "--watch", *(part for one in options for part in ("-o", one)))
    assert begun.returncode == 0, begun.stdout + begun.stderr
    assert "completed: its one generation done" in begun.stdout


def test_workers_and_environments_are_those_of_the_master(cluster: Server) -> None:
    listed = run(cluster, "workers").stdout.splitlines()
    assert len(listed) == 3
    assert all("ready" in line for line in listed[1:])
    assert "CartPole-v1" in run(cluster, "environments", "cartpole").stdout.split()
    assert json.loads(run(cluster, "environments", "no-such-thing", "--json").stdout) == []


def test_open_prints_the_address_where_no_terminal_is(cluster: Server, config: Path) -> None:
    experiment_id = run(cluster, "submit", config, "-o", "stop.generations=1").stdout.strip()
    assert run(cluster, "open", experiment_id).stdout.strip() == f"{cluster.url}/dashboard/{experiment_id}"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "nobody"], 2, "nobody"),
        (["stop", "nobody"], 2, "nobody"),
        (["download", "nobody"], 2, "nobody"),
        (["submit", "missing.yaml"], 2, "No such file"),
        (["show"], 2, "Missing argument"),
        (["no-such-command"], 2, "No such command"),
    ],
)
def test_what_is_wrong_is_said_shortly_with_a_code(
    cluster: Server, arguments: list[str], code: int, words: str
) -> None:
    done = run(cluster, *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("stop.generation=3", "stop.generation"),
        ("seed", "KEY=VALUE"),
        ("seed.x=3", "no mapping"),
        ("=3", "KEY=VALUE"),
        ("seed=[", "neither JSON nor YAML"),
        ("seed=010", "decimal"),
        ("seed=# 3", "is a comment"),
        ("strategy.radius=.inf", "finite"),
    ],
)
def test_a_wrong_override_is_named(config: Path, override: str, words: str) -> None:
    done = seedcast("submit", str(config), "-o", override, SEEDCAST_URL="http://127.0.0.1:9")
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_master_the_code_is_3(config: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    for arguments in (["list"], ["submit", str(config)], ["workers"]):
        done = seedcast(*arguments, SEEDCAST_URL=url)
        assert done.returncode == 3
        assert done.stderr.startswith(f"seedcast: the master at {url} does not answer")
        assert len(done.stderr.splitlines()) == 1


def test_a_wrong_token_is_said(cluster: Server) -> None:
    assert run(cluster, "list").returncode == 0
    assert seedcast("--version").stdout.startswith("seedcast ")


def test_an_experiment_is_paused_resumed_stopped_resumed_again_and_deleted(cluster: Server, config: Path) -> None:
    one = run(cluster, "submit", config, "-o", "stop.generations=100000").stdout.strip()
    assert run(cluster, "pause", one).stdout == f"{one}: paused\n"
    assert run(cluster, "pause", one).returncode == 2
    assert run(cluster, "resume", one).stdout.startswith(f"{one}: ")
    assert run(cluster, "stop", one).stdout == f"{one}: stopped\n"
    assert run(cluster, "resume", one).returncode == 0
    assert run(cluster, "delete", one).returncode == 2  # it runs
    assert run(cluster, "delete", one, "--force").stdout == f"{one}: deleted\n"
    assert run(cluster, "show", one).returncode == 2


def test_a_long_history_is_read_page_by_page(cluster: Server) -> None:
    with Client(cluster.url) as client:
        spec = cartpole_values() | {"stop": {"generations": 30}, "test": {"every": 10, "episodes": 2}}
        done = client.wait(client.submit(spec).id, poll_seconds=0.1)
        assert [row.generation for row in client.generations(done.id, page=7)] == list(range(1, 31))
        assert [row.generation for row in client.tests(done.id, page=2)] == [10, 20, 30]


def test_a_specification_is_checked_and_estimated_without_being_started(cluster: Server, config: Path) -> None:
    def ids() -> list[str]:
        return [row["id"] for row in json.loads(run(cluster, "list", "--json").stdout)]

    before = ids()

    def whole() -> dict[str, Any] | None:
        (estimate,) = json.loads(run(cluster, "submit", config, "--dry-run", "--json").stdout)
        return estimate if estimate["parameters"] else None  # a busy worker tells of the task later

    estimate = eventually(whole)
    assert (estimate["parameters"], estimate["rollouts_per_generation"]) == (10, 32)
    assert "training_rollouts" in run(cluster, "submit", config, "--dry-run").stdout
    assert ids() == before


def test_the_same_key_starts_nothing_anew(cluster: Server, config: Path) -> None:
    first = run(cluster, "submit", config, "--key", "once").stdout
    assert run(cluster, "submit", config, "--key", "once").stdout == first


def test_an_experiment_is_cloned_edited_and_found_by_what_it_has(cluster: Server) -> None:
    parent = submit(cluster, cartpole_values() | {"tags": {"lab": "x"}, "stop": {"generations": 3}})
    wait_for_end(cluster, parent)
    branch = run(cluster, "clone", parent, "-o", "seed=8", "-o", "name=branch", "--model", "model_3.npz")
    clone = branch.stdout.strip()
    ended = wait_for_end(cluster, clone)
    assert (ended["spec"]["seed"], ended["spec"]["tags"]) == (8, {"lab": "x", "parent": parent})
    assert ended["spec"]["warm_start"] == f"experiments/{parent}/model_3.npz"

    edited = run(
        cluster, *("edit", clone, "-o", "note=the better one", "-o", "tags.lab=null", "-o", "tags.kept=sure"),
        *("-o", "stop.generations=5"),
    )  # fmt: skip
    assert edited.returncode == 0, edited.stderr
    again = wait_for_end(cluster, clone)
    assert (again["generation"], again["note"]) == (5, "the better one")
    assert again["spec"]["tags"] == {"parent": parent, "kept": "sure"}
    nothing = run(cluster, "edit", clone)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
    assert "say what is to be changed" in nothing.stderr
    refused = run(cluster, "edit", clone, "-o", "seed=9")
    assert (refused.returncode, "seed" in refused.stderr) == (2, True)

    listed = run(cluster, "list", "--json", "--text", "better", "--tag", f"parent={parent}", "--sort", "name")
    assert [row["id"] for row in json.loads(listed.stdout)] == [clone]
    with Client(cluster.url) as client:

        def ids(**filters: Any) -> list[str]:
            return [row.id for row in client.experiments(**filters)]

        assert ids(tag=["kept=sure"]) == ids(text="branch", limit=1) == [clone]
        assert ids(tag=[f"parent={parent}"], status=["failed"]) == []
        assert ids(tag=f"parent={parent}", status="completed") == [clone]
        put_away = run(cluster, "edit", clone, "-o", "archived=true")
        assert put_away.returncode == 0, put_away.stderr
        there, gone = (run(cluster, "list", "--json", "--text", clone, *more) for more in ((), ("--archived",)))
        assert (json.loads(there.stdout), [row["id"] for row in json.loads(gone.stdout)]) == ([], [clone])
        assert run(cluster, "edit", clone, "-o", "archived=false").returncode == 0
        for wrong in ("--status", "--sort"):
            assert run(cluster, "list", wrong, "nope").returncode == 2
        found = ids(text=parent, strategy="pgpe", environment="CartPole-v1", sort="name")
        assert found == [clone, parent]  # a tag of the clone names its parent


def test_log_and_watch_tell_programs_all_they_know(cluster: Server) -> None:
    one = submit(cluster, cartpole_values())
    watched = run(cluster, "watch", one, "--json")
    assert watched.returncode == 0
    events = [json.loads(line) for line in watched.stdout.splitlines()]
    assert [event["generation"] for event in events if event["event"] == "generation"] == [1, 2, 3, 4, 5, 6]
    assert (events[-1]["event"], events[-1]["status"]) == ("status", "completed")
    records = [json.loads(line) for line in run(cluster, "log", one, "-n", "2", "--json").stdout.splitlines()]
    assert [record["generation"] for record in records] == [5, 6]
    followed = run(cluster, "log", one, "--follow", "-n", "3").stdout
    assert followed == run(cluster, "log", one, "-n", "3").stdout
    assert len(followed.splitlines()) == 3


def test_a_model_is_evaluated_and_filmed_where_it_is(cluster: Server, tmp_path: Path) -> None:
    one = submit(cluster, cartpole_values())
    wait_for_end(cluster, one)
    there = json.loads(run(cluster, "evaluate", f"{one}:model_3.npz", "--episodes", "5", "--json").stdout)
    with Client(cluster.url) as client:
        client.download(one, "model_3.npz", tmp_path / "model_3.npz")
    here = json.loads(run(cluster, "evaluate", tmp_path / "model_3.npz", "--episodes", "5", "--json").stdout)
    assert there == here
    film = tmp_path / "film.mp4"
    done = run(cluster, "video", f"{one}:", film, "--json")
    assert json.loads(done.stdout)["file"] == str(film)
    assert film.read_bytes()[4:8] == b"ftyp"
    wrong = run(cluster, "evaluate", f"{one}:model_5.npz")
    assert (wrong.returncode, "model_5.npz" in wrong.stderr) == (2, True)
