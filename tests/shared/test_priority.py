"""Giving way to others on the machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seedcast.shared.priority import AUTOGROUP

GIVE_WAY = (
    "import os; from pathlib import Path; from seedcast.shared.priority import AUTOGROUP, give_way; give_way(5); "
    "print(os.getpriority(os.PRIO_PROCESS, 0), AUTOGROUP.read_text() if AUTOGROUP.exists() else '')"
)
FIRST = min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)


def after_giving_way(*, own_session: bool) -> list[str]:
    command = [sys.executable, "-c", GIVE_WAY]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=own_session)
    return done.stdout.split()


def test_a_process_of_another_session_comes_after_ours_though_each_session_has_its_share() -> None:
    value, *autogroup = after_giving_way(own_session=True)
    assert int(value) == FIRST
    if not autogroup:
        pytest.skip("this kernel shares the processors among all processes alike")
    assert autogroup[1:] == ["nice", str(FIRST)]


def test_a_process_of_our_own_session_comes_after_us_and_leaves_the_session_as_it_is() -> None:
    ours = AUTOGROUP.read_text().split() if AUTOGROUP.exists() else []
    value, *autogroup = after_giving_way(own_session=False)
    assert int(value) == FIRST
    assert autogroup == ours
