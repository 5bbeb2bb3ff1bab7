import json
from pathlib import Path

import pytest

from reflex_lab import cgroups, cleanup, sysctls
from reflex_lab.cleanup import State, read_state, write_state
from reflex_lab.errors import AnotherLabError, LabError, StartError
from reflex_lab.locks import exclusive
from reflex_lab.paths import LabPaths, cache_home, lab_home
from reflex_lab.processes import ProcessId
from reflex_lab.waiting import until


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    state = State(
        sysctls={"net/ipv4/ip_forward": "0"},
        host_port_table_was_there=True,
        complete=True,
        processes={"kubelet": ProcessId(pid=1, start_time=2)},
    )
    write_state(tmp_path / "a" / "state.json", state)
    assert read_state(tmp_path / "a" / "state.json") == state


@pytest.mark.parametrize("content", [None, "", '{"complete": tr'])
def test_a_record_cut_by_a_crash_counts_as_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "state.json"
    if content is not None:
        path.write_text(content)
    assert read_state(path) is None


def test_the_marker_names_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "MARKER", tmp_path / "marker.json")
    assert cleanup.marked_home() is None
    cleanup.mark(LabPaths(home=Path("/h")))
    assert cleanup.marked_home() == Path("/h")
    (tmp_path / "marker.json").write_text(json.dumps([])[:1])
    assert cleanup.marked_home() is None


def test_node_and_control_plane_have_different_owners() -> None:
    paths = LabPaths(home=Path("/h"))
    assert cleanup.node_owner(paths) == "/h#node"
    assert cleanup.control_plane_owner(paths) == "/h#control-plane"


def test_kernel_settings_are_put_back(tmp_path: Path) -> None:
    for name in (*sysctls.NEEDED, *sysctls.CHANGED_BY_KUBELET):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("0\n")
    before = sysctls.current(tmp_path)
    sysctls.write(sysctls.NEEDED, tmp_path)
    assert sysctls.current(tmp_path) != before
    sysctls.write(before, tmp_path)
    assert sysctls.current(tmp_path) == before


def test_cgroup_hierarchies_of_both_versions_are_found() -> None:
    mounts = (
        "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
        "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
    )
    assert [str(path) for path in cgroups.hierarchies(mounts)] == [
        "/sys/fs/cgroup/cpu",
        "/sys/fs/cgroup/unified",
    ]


def test_homes_follow_the_environment() -> None:
    assert cache_home({"HOME": "/h"}) == Path("/h/.cache/reflex")
    assert cache_home({"XDG_CACHE_HOME": "/c"}) == Path("/c/reflex")
    assert lab_home({"XDG_CACHE_HOME": "/c"}) == Path("/c/reflex/lab")
    assert lab_home({"REFLEX_LAB_HOME": "/l"}) == Path("/l")


def test_a_held_lock_is_reported_with_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        exclusive(lock, what="a", seconds=1),
        pytest.raises(LabError, match=r"b: process \d+ has held"),
        exclusive(lock, what="b", seconds=0),
    ):
        pytest.fail("two holders")
    with exclusive(lock, what="c", seconds=0):
        assert lock.read_text().isdigit()


def test_a_deadline_ends_a_wait_with_evidence() -> None:
    with pytest.raises(StartError, match="x: not after 0 s\nthe log"):
        until(lambda: False, what="x", seconds=0, evidence=lambda: "the log")


def test_another_lab_is_named_with_the_way_to_stop_it() -> None:
    text = AnotherLabError(home=Path("/h")).render()
    assert "/h" in text
    assert "REFLEX_LAB_HOME=/h reflex-lab down" in text
