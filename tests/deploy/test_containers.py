"""The built images, run as a cluster would run them: `make test-containers`."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from seedcast.services.worker.environments.envpool_families import MYOSUITE, OFFERED
from tests.deploy.containers import MEMORY_BYTES, Container, Network, engine, once, skip_without_engine
from tests.deploy.manifests import Combination, build
from tests.deploy.pods import played, skip_without_play
from tests.deploy.test_images import health_check
from tests.deploy.tools import ROOT
from tests.processes import eventually

pytestmark = pytest.mark.timeout(600)
ROLES = ("master", "worker")
KILLED = 137

REPORT = """
import os, pathlib, shutil
def writable(folder):
    try:
        (pathlib.Path(folder) / "written").write_text("x")
    except OSError:
        return False
    return True
print(os.getuid(), os.getgid())
print([folder for folder in ("/", "/tmp", "/opt/venv", "/etc", "/data") if writable(folder)])
print([tool for tool in ("cc", "gcc", "g++", "clang", "ld", "as", "make") if shutil.which(tool)])
print(pathlib.Path("/proc/1/cmdline").read_text().split(chr(0))[0])
print([line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if "CapEff" in line])
"""

ORPHAN = """
import os, pathlib, subprocess, sys, time
subprocess.run(["sh", "-c", "sleep 0.2 &"])
time.sleep(1)
states = [path.read_text().rpartition(")")[2].split()[0] for path in pathlib.Path("/proc").glob("[0-9]*/stat")]
print(states.count("Z"))
"""

RETURNS = """
import json, sys
import numpy as np
from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.envpool_package import modules
from seedcast.services.worker.environments.registry import ENGINES, describe
from seedcast.shared.errors import InvalidInput
from seedcast.shared.protocol import Unit, UnitHeader
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.policy import build_policy
def run(spec):
    header = UnitHeader.model_validate({"environment": spec, "policy": {"name": "linear"}})
    try:
        dimension = build_policy(header.policy, describe(spec)).dimension
        parameters = np.random.default_rng(0).standard_normal((2, dimension), dtype=np.float32)
        result = run_unit(Unit(header, parameters, np.array([0, 1], np.int32), np.array([7, 8], np.int32)))
    except InvalidInput as error:
        return str(error)
    return [list(map(float.hex, result.returns.tolist())), [failure.kind for failure in result.failures]]
group = sys.argv[1]
engine = ENGINES["envpool" if group.startswith("envpool.") else group]
ids = [id_ for id_ in sorted(engine.available()) if group == engine.name or modules()[id_] == group]
specs = [EnvironmentSpec(id=id_, engine=engine.name, max_episode_steps=10) for id_ in ids]
print("\\n" + json.dumps({spec.id: run(spec) for spec in specs}))
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    skip_without_engine()
    network = Network(f"seedcast-{secrets.token_hex(4)}")
    try:
        yield network
    finally:
        network.close()


@pytest.fixture(scope="module")
def workers(network: Network) -> list[Container]:
    return [network.start("worker", f"worker-{number}") for number in (1, 2)]


def start_master(network: Network, name: str, workers: list[Container], volume: str) -> Container:
    urls = ",".join(worker.url for worker in workers)
    return network.start("master", name, "--volume", f"{volume}:/data", "--env", f"SEEDCAST_WORKERS={urls}")


def cartpole(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load((ROOT / "configs" / "cartpole.yaml").read_text())
    return spec | changes


@pytest.mark.parametrize("role", ROLES)
def test_an_image_is_nobody_writes_nothing_and_has_no_compiler(network: Network, role: str) -> None:
    assert network
    who, written, compilers, first, capabilities = once(role, "python", "-c", REPORT).splitlines()
    assert who == "10001 10001"
    # /data is a volume of the master's image, read-only root or not.
    assert written == str(["/tmp", "/data"] if role == "master" else ["/tmp"])  # noqa: S108
    assert compilers == "[]"
    assert first == "dumb-init"
    assert capabilities == "['CapEff:\\t0000000000000000']"


@pytest.mark.parametrize("role", ROLES)
def test_orphans_leave_no_zombies(network: Network, role: str) -> None:
    assert network
    assert once(role, "python", "-c", ORPHAN) == "0"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("group", sorted({*OFFERED, "pybullet", "gymnasium"} - {MYOSUITE}))
def test_what_was_taken_from_packages_is_not_missed_in_any_environment(network: Network, group: str) -> None:
    """The image has but parts of EnvPool and PyBullet, and less to draw with: deploy/images/trim_worker.sh.

    A process has one family, and more memory than a worker's limit: two lanes of some robots alone take 2.5 GiB.
    """
    assert network
    # These would choose other kernels than in the image, which add up in another order.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    here = subprocess.Popen(
        [sys.executable, "-c", RETURNS, group], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        # At the same time: a family may have a hundred.
        there = once("worker", "python", "-c", RETURNS, group, where=("--network", "none", "--memory", "4g"))
        said, _ = here.communicate()
    finally:
        here.kill()
    assert here.returncode == 0
    # The last line: MuJoCo writes its warnings on standard output, too.
    expected, returned = (json.loads(text.splitlines()[-1]) for text in (said, there))
    assert returned
    assert returned == expected


@pytest.mark.parametrize("role", ROLES)
def test_the_health_check_passes_where_the_service_is_ready_and_not_elsewhere(network: Network, role: str) -> None:
    container = network.start(role, f"healthy-{role}")
    command = health_check(role)
    once(role, *command, where=("--network", f"container:{container.name}"))  # the same loopback
    with pytest.raises(AssertionError, match=r"HTTPError|URLError"):
        once(role, *command)
    assert container.stop(10) != KILLED


@pytest.mark.parametrize("role", ROLES)
def test_the_check_before_an_upgrade_runs_in_the_image(network: Network, role: str) -> None:
    assert network
    anonymous = f"SEEDCAST_{'WORKER_' if role == 'worker' else ''}ALLOW_ANONYMOUS=true"
    check = ("env", anonymous, "python", "-m", f"seedcast.services.{role}", "--check")
    assert "the settings are valid" in once(role, *check)
    with pytest.raises(AssertionError, match="ALLOW_ANONYMOUS"):
        once(role, *check[2:])


def test_the_pods_of_the_local_overlay_run_as_they_are_rendered(tmp_path: Path) -> None:
    skip_without_engine()
    skip_without_play()
    rendered = build(Combination("local", ()), tmp_path)

    def ready(role: str, container: str) -> bool:
        try:
            once(role, *health_check(role), where=("--pod", container.removesuffix(f"-{role}")))
        except AssertionError:
            return False
        return True

    with played(rendered, tmp_path) as containers:
        for role, container in containers.items():
            eventually(lambda role=role, container=container: ready(role, container))  # type: ignore[misc]
            limits = rendered.container(role)["resources"]["limits"]
            shown = "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.HostConfig.Memory}}"
            memory = int(limits["memory"].removesuffix("Gi")) * 2**30
            assert engine("inspect", "--format", shown, container) == f"true 10001:10001 {memory}"
        slots = f"SEEDCAST_WORKER_SLOTS={rendered.container('worker')['resources']['limits']['cpu']}"
        assert slots in engine("inspect", "--format", "{{.Config.Env}}", containers["worker"])


def test_cartpole_reaches_its_target_in_limited_containers(network: Network, workers: list[Container]) -> None:
    master = start_master(network, "master-0", workers, network.volume("trained"))
    for container in (master, *workers):
        limits = container.inspect("{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Memory}} {{.Config.User}}")
        assert limits == f"true {MEMORY_BYTES} 10001:10001"
    experiment = master.wait_for_end(master.submit(cartpole()))
    assert experiment["status"] == "completed", experiment["reason"]
    assert experiment["best_test_return"] >= 475
    seen = master.get("/workers")["workers"]
    assert sorted(worker["url"] for worker in seen) == sorted(worker.url for worker in workers)
    assert all(worker["units"] > 0 for worker in seen)
    assert master.stop(10) != KILLED


def test_a_killed_worker_and_a_replaced_master_change_nothing(network: Network, workers: list[Container]) -> None:
    spec = cartpole(name="steady", stop={"generations": 40}, population_size=64)
    volume = network.volume("resumed")
    first = start_master(network, "master-1", workers, volume)
    calm = first.submit(spec)
    assert first.wait_for_end(calm)["status"] == "completed"
    expected = first.digests(calm)
    assert len(expected) == 40

    disturbed = first.submit(spec)
    first.wait_for_generation(disturbed, 3)
    workers[0].kill()
    first.wait_for_generation(disturbed, 8)
    first.kill()
    first.remove()

    second = start_master(network, "master-2", workers, volume)
    before = second.get(f"/experiments/{disturbed}")
    assert before["generation"] >= 8
    assert second.wait_for_end(disturbed)["status"] == "completed"
    assert second.digests(disturbed) == expected
    assert workers[1].stop(10) != KILLED
