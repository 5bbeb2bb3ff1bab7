"""What pods rely on, tried on the lab's real node: names, TLS, volumes, logs, exec, forwarding."""

import subprocess

import pytest
from reflex_e2e.kubectl import LAB
from reflex_e2e.stack import Stack

pytestmark = pytest.mark.lab


def test_the_labs_own_test_passes(stack: Stack) -> None:
    done = subprocess.run([LAB, "self-test"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_second_up_finds_the_lab_running(stack: Stack) -> None:
    before = subprocess.run([LAB, "status", "--json"], capture_output=True, check=True).stdout
    subprocess.run([LAB, "up"], capture_output=True, check=True)
    after = subprocess.run([LAB, "status", "--json"], capture_output=True, check=True).stdout
    assert before == after
