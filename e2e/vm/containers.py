"""What compose.yaml promises, looked at from inside a Debian 12 with a Docker engine."""

import json
import pathlib

import check
from check import HELLO, execute, expect, ready, sh, until

RUNS = pathlib.Path("/sys/fs/cgroup/system.slice")


def compose(*words, **options):
    return sh("docker-compose", "-p", "executor", "-f", "compose.yaml", *words, **options)


def executor(*words, **options):
    return compose("exec", "-T", "-u", "root", "executord", "executor", *words, **options)


def container(service):
    return json.loads(sh("docker", "inspect", compose("ps", "-q", service)))[0]


def the_services_start():
    """The two services of compose.yaml start, neither of them privileged"""
    until(120, "the engine runs", lambda: sh("docker", "info"))
    pathlib.Path("slow.toml").write_text(check.SLOW + check.ALONE)
    sh("docker", "load", "-i", "image.tar", timeout=1800)
    compose("up", "-d", "--no-build", timeout=600)
    until(120, lambda: "webd answers; " + compose("logs", check=False), lambda: sh("curl", "-fsS", check.URL + "/readyz"))
    for service in ("executord", "webd"):
        assert container(service)["HostConfig"]["Privileged"] is False
    return sh("docker", "version", "--format", "{{.Server.Version}}")


def privileges_are_as_documented():
    """executord has eight capabilities and no network, webd no capability, no root, and a file system it cannot write"""
    status = lambda service: pathlib.Path(f"/proc/{container(service)['State']['Pid']}/status").read_text()
    field = lambda text, name: text.split(name + ":\t", 1)[1].split("\n", 1)[0]
    assert int(field(status("webd"), "CapBnd"), 16) == 0
    assert field(status("webd"), "Uid").split()[0] != "0"
    assert "Read-only" in compose("exec", "-T", "webd", "sh", "-c", "touch /x", check=False)
    pid = sh("pgrep", "-x", "executord")
    assert bin(int(field(pathlib.Path(f"/proc/{pid}/status").read_text(), "CapPrm"), 16)).count("1") == 8
    devices = pathlib.Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    assert len(devices) == 1, devices


def the_host_can_do_what_is_promised():
    """`executor check` in the container says yes to all, with limits by cgroup v2"""
    answer = executor("check", "--json", check=False)
    (check.STATE / "containers-check.json").write_text(answer)
    checks = json.loads(answer[answer.index("{"):])
    said = {one["name"]: one for one in checks["checks"]}
    assert checks["passed"], [one for one in said.values() if not one["passed"] and not one["optional"]]
    assert said["cgroups"]["detail"] == "cgroup v2", said["cgroups"]
    return f"{len([one for one in said.values() if one['passed']])} of {len(said)}"


def limits_hold():
    """A memory bomb and a fork bomb are held, and nothing of them stays"""
    answer = execute("python", "x = bytearray(200 << 20); print(len(x))", limits={"memory_bytes": 64 << 20})
    expect(answer, status="memory")
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    expect(execute("python", code, limits={"cpu_ms": 3000, "wall_ms": 8000}), status="timeout")
    until(20, "nothing is left", lambda: not check.processes())
    groups = [path for path in RUNS.glob("docker-*.scope/executor/runs/*/")]
    assert not groups, groups


def a_killed_daemon_comes_back():
    """kill -9 of executord: the engine starts it again, and programs run"""
    sh("kill", "-9", sh("pgrep", "-x", "executord"))
    until(90, "programs run again", lambda: execute("python", HELLO["python"]).get("output") == "hello 42\n")
    until(20, "nothing is left", lambda: not check.processes())


def they_go():
    """docker-compose down leaves nothing"""
    compose("down", "-v", timeout=120)
    assert not check.processes() and not sh("docker", "ps", "-aq")


check.STAGES = [[
    the_services_start,
    privileges_are_as_documented,
    the_host_can_do_what_is_promised,
    *map(check.make_language_check, HELLO),
    limits_hold,
    a_killed_daemon_comes_back,
    they_go,
]]
check.main()
