"""Tests compose.yaml on Debian 12 with Docker, from inside the machine."""

import json
import pathlib

import check
from check import HELLO, execute, expect, run, until

RUNS = pathlib.Path("/sys/fs/cgroup/system.slice")


def compose(*arguments, **options):
    return run("docker-compose", "-p", "executor", "-f", "compose.yaml", *arguments, **options)


def executor(*arguments, **options):
    return compose("exec", "-T", "-u", "root", "executord", "executor", *arguments, **options)


def container(service):
    return json.loads(run("docker", "inspect", compose("ps", "-q", service)))[0]


def the_services_start():
    """The two services of compose.yaml start, and neither is privileged"""
    until(120, "Docker runs", lambda: run("docker", "info"))
    pathlib.Path("slow.toml").write_text(check.SLOW + check.NO_POOL)
    run("docker", "load", "-i", "image.tar", timeout=1800)
    compose("up", "-d", "--no-build", timeout=600)
    until(120, lambda: "webd answers; " + compose("logs", check=False), lambda: run("curl", "-fsS", check.URL + "/readyz"))
    for service in ("executord", "webd"):
        assert container(service)["HostConfig"]["Privileged"] is False
    return run("docker", "version", "--format", "{{.Server.Version}}")


def privileges_are_as_documented():
    """executord has eight capabilities and no network; webd has no capability, is not root and cannot write to its file system"""
    status = lambda service: pathlib.Path(f"/proc/{container(service)['State']['Pid']}/status").read_text()
    field = lambda text, name: text.split(name + ":\t", 1)[1].split("\n", 1)[0]
    assert int(field(status("webd"), "CapBnd"), 16) == 0
    assert field(status("webd"), "Uid").split()[0] != "0"
    assert "Read-only" in compose("exec", "-T", "webd", "sh", "-c", "touch /x", check=False)
    pid = run("pgrep", "-x", "executord")
    assert bin(int(field(pathlib.Path(f"/proc/{pid}/status").read_text(), "CapPrm"), 16)).count("1") == 8
    devices = pathlib.Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    assert len(devices) == 1, devices


def executor_check_passes():
    """`executor check` in the container passes completely, with limits by cgroup v2"""
    answer = executor("check", "--json", check=False)
    (check.STATE / "containers-check.json").write_text(answer)
    checks = json.loads(answer[answer.index("{"):])
    by_name = {one["name"]: one for one in checks["checks"]}
    assert checks["passed"], [one for one in by_name.values() if not one["passed"] and not one["optional"]]
    assert by_name["cgroups"]["detail"] == "cgroup v2", by_name["cgroups"]
    return f"{len([one for one in by_name.values() if one['passed']])} of {len(by_name)} passed"


def limits_hold():
    """A memory bomb and a fork bomb are contained and leave no process or cgroup"""
    answer = execute("python", "x = bytearray(200 << 20); print(len(x))", limits={"memory_bytes": 64 << 20})
    expect(answer, status="memory")
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    expect(execute("python", code, limits={"cpu_ms": 3000, "wall_ms": 8000}), status="timeout")
    until(20, "nothing is left", lambda: not check.processes())
    cgroups = [path for path in RUNS.glob("docker-*.scope/executor/runs/*/")]
    assert not cgroups, cgroups


def a_killed_daemon_is_restarted():
    """kill -9 of executord: Docker restarts it, and programs run"""
    run("kill", "-9", run("pgrep", "-x", "executord"))
    until(90, "programs run again", lambda: execute("python", HELLO["python"]).get("output") == "hello 42\n")
    until(20, "nothing is left", lambda: not check.processes())


def docker_compose_down_leaves_nothing():
    """docker-compose down leaves nothing"""
    compose("down", "-v", timeout=120)
    assert not check.processes() and not run("docker", "ps", "-aq")


check.STAGES = [[
    the_services_start,
    privileges_are_as_documented,
    executor_check_passes,
    *map(check.make_language_check, HELLO),
    limits_hold,
    a_killed_daemon_is_restarted,
    docker_compose_down_leaves_nothing,
]]
check.main()
