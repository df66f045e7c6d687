"""Tests the installed package on Debian 12 with systemd and only cgroup v2, from inside the machine.

Each check is a function. Its docstring is its name in the table of results; it fails by raising an exception. Stages are
separated by reboots. /var/lib/check survives them and is copied to the host.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import traceback
from concurrent import futures

STATE = pathlib.Path("/var/lib/check")
RUNS = pathlib.Path("/sys/fs/cgroup/executor.slice/executord.service/runs")
# Without the last quarter of the range, which is for zygotes.
UIDS = range(458752, 507904)
UNITS = ["executord.socket", "executord.service", "webd.service"]
URL = "http://127.0.0.1:3000"
# The default limits are too short for emulated processors, which are ten times slower than real ones.
SLOW = """\
[limits.run]
cpu_time = "60s"
wall_time = "90s"
[limits.compile]
cpu_time = "60s"
wall_time = "120s"
"""
# Checks that count processes and cgroups need a pool without pre-warmed sandboxes.
NO_POOL = """\
[pool]
enabled = false
"""
SLEEPER = "import time; print('asleep', flush=True); time.sleep(600)"
HELLO = {
    "python": 'print("hello", 6 * 7)',
    "javascript": 'console.log("hello", 6 * 7)',
    "cpp": '#include <iostream>\nint main() { std::cout << "hello " << 6 * 7 << std::endl; }',
    "java": 'class Main { public static void main(String[] a) { System.out.println("hello " + 6 * 7); } }',
}


def run(*command, check=True, text=True, timeout=300, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=text, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}: {done.stdout.strip()[-600:]}")
    return done.stdout.strip()


def install(directory):
    """Installs the package; its script compiles headers and class archives, which takes minutes here."""
    run("dpkg", "-i", *pathlib.Path(directory).glob("executor_*.deb"), timeout=1800)


def until(seconds, what, condition):
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except (OSError, AssertionError):
            value = None
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.2)


def execute(language, code, **more):
    body = json.dumps({"language": language, "code": code, **more})
    answer = run("curl", "-sS", "--max-time", "240", URL + "/api/execute",
                "-H", "content-type: application/json", "--data-binary", "@-", input=body)
    return json.loads(answer)


def expect(answer, **expected):
    got = {key: answer.get(key) for key in expected}
    assert got == expected, f"{got}, not {expected}; {json.dumps(answer)[:600]}"
    return answer


def ready():
    until(60, "executord and webd answer", lambda: run("curl", "-fsS", URL + "/readyz"))


def configure(unit, change):
    """Restarts a daemon with its configuration file as `change` returns it for the old text, which this returns."""
    path = pathlib.Path(f"/etc/executor/{unit}.toml")
    before = path.read_text()
    path.write_text(change(before))
    run(unit, "--check-config")
    run("systemctl", "restart", f"{unit}.service")
    ready()
    return before


@contextlib.contextmanager
def configured(unit, change):
    """Configures a daemon, and restores its configuration afterwards."""
    before = configure(unit, change)
    try:
        yield
    finally:
        configure(unit, lambda _: before)
    expect_nothing_left()


def pool_settings(settings):
    """Configures executord with other settings than NO_POOL for a while."""
    return configured("executord", lambda before: before.replace(NO_POOL, settings))


def works():
    ready()
    expect(execute("python", HELLO["python"]), output="hello 42\n", status="ok")


def processes():
    """Returns the process ids of all sandboxed programs."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and entry.stat().st_uid in UIDS:
                found.append(int(entry.name))
        except FileNotFoundError:
            pass
    return found


def run_cgroups():
    return sorted(str(path.relative_to(RUNS)) for path in RUNS.glob("**/") if path != RUNS) if RUNS.exists() else []


def userdb_records():
    return sorted(os.listdir("/run/userdb"))


def mount_count():
    return len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines())


def remaining():
    return {"processes": processes(), "cgroups": run_cgroups(), "records": userdb_records()}


def expect_nothing_left():
    until(20, lambda: f"nothing left of runs; found {remaining()}", lambda: not any(remaining().values()))
    ready()
    directories = lambda: os.listdir("/run/executor/slots")
    # Each slot has a directory and a supervisor. After many executions at one time there are more slots for a while.
    until(20, lambda: f"a directory for each of {len(supervisors())} supervisors; found {directories()}",
          lambda: len(directories()) == len(supervisors()) > 0)


def main_pid(unit):
    return int(run("systemctl", "show", "-P", "MainPID", unit))


def start_program(name, code, first_line, *more, stdin=subprocess.DEVNULL):
    """Starts a program with `executor run`, and waits for its first line."""
    path = pathlib.Path("/tmp") / name
    path.write_text(code)
    process = subprocess.Popen(["executor", "run", *more, path], stdin=stdin,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if line != first_line:
        raise AssertionError(f"{name} printed {line!r} and {process.stderr.read()!r}")
    return process


def supervisors():
    """Returns the process ids of the supervisors of all slots."""
    executord = main_pid("executord.service")
    children = pathlib.Path(f"/proc/{executord}/task").glob("*/children")
    pids = [pid for path in children for pid in path.read_text().split()]
    return [pid for pid in pids if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("executor-sand")]


def sleeper(*more):
    """Starts a program that runs until it is killed."""
    return start_program("sleeper.py", SLEEPER, "asleep\n", *more)


def status_of_executord():
    return json.loads(run("executor", "status", "--json"))


def wait_for(process, seconds=30):
    out, err = process.communicate(timeout=seconds)
    return process.returncode, (out + err).strip()


def files_and_users():
    """Returns every file that packages or administrators put on a disk, and every user."""
    skip = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/log", "/var/lib/check", "/var/in", "/var/cache", "/var/tmp",
            "/var/lib/dpkg", "/var/lib/systemd/deb-systemd-helper-enabled", "/var/lib/systemd/timers", "/root")
    found = set()
    for directory, names, files in os.walk("/"):
        names[:] = [name for name in names if os.path.join(directory, name) not in skip]
        found.update(os.path.join(directory, name) for name in files + names)
    for database in ("/etc/passwd", "/etc/group"):
        found.update(f"{database}: {line}" for line in pathlib.Path(database).read_text().splitlines())
    # Backups of the two databases, and the time stamp of timesyncd.
    return sorted(path for path in found if not re.search(r"/(passwd|group|shadow|gshadow|subuid|subgid)-$|/clock$|__pycache__", path))


# ---- the first boot

def the_host_has_only_cgroup_v2():
    """The host has only cgroup v2"""
    kinds = run("findmnt", "-rn", "-o", "FSTYPE,TARGET", "-t", "cgroup,cgroup2").splitlines()
    assert kinds == ["cgroup2 /sys/fs/cgroup"], kinds
    (STATE / "before.json").write_text(json.dumps(files_and_users()))
    return f"Linux {os.uname().release}, {run('systemctl', '--version').splitlines()[0]}"


def the_package_installs():
    """The package installs, and its units are active"""
    install("first")
    for unit in UNITS:
        until(90, f"{unit} is active", lambda: run("systemctl", "is-active", unit) == "active")
        assert run("systemctl", "is-enabled", unit) == "enabled"
    ready()
    return run("dpkg-query", "-W", "executor").replace("\t", " ")


def sockets_and_users_are_as_documented():
    """Socket, directories, users and capabilities are as documented"""
    stat = lambda path: run("stat", "-c", "%A %U:%G", path)
    assert stat("/run/executor") == "drwxr-x--- root:executor", stat("/run/executor")
    assert stat("/run/executor/executord.sock") == "srw-rw---- root:executor", stat("/run/executor/executord.sock")
    assert stat("/run/userdb") == "drwxr-xr-x root:root", stat("/run/userdb")
    status = lambda unit: dict(line.split(":\t", 1) for line in
                               pathlib.Path(f"/proc/{main_pid(unit)}/status").read_text().splitlines() if ":\t" in line)
    webd, executord = status("webd.service"), status("executord.service")
    assert int(webd["Uid"].split()[0]) > 0
    assert all(int(webd[key], 16) == 0 for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh")), webd
    names = run("systemctl", "show", "-P", "CapabilityBoundingSet", "executord.service").split()
    assert bin(int(executord["CapPrm"], 16)).count("1") == len(names) == 8, (executord["CapPrm"], names)
    assert executord["CapPrm"] == executord["CapBnd"] == executord["CapEff"]
    assert webd["NoNewPrivs"] == executord["NoNewPrivs"] == "1"
    return f"executord has {len(names)} capabilities, webd none"


def only_its_group_may_connect():
    """A user outside the group executor is refused; a member is not"""
    nobody = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "executor", "status", check=False)
    assert "you may not connect" in nobody, nobody
    run("setpriv", "--reuid", "executor-webd", "--regid", "executor-webd", "--init-groups", "executor", "status")


def executor_check_passes():
    """`executor check` passes completely"""
    ready()
    (STATE / "check.txt").write_text(run("executor", "check", check=False))
    checks = json.loads(run("executor", "check", "--json", check=False))
    by_name = {check["name"]: check for check in checks["checks"]}
    required = [name for name in by_name if not name.startswith("language ")]
    required += [f"language {title}" for title in ("Python", "JavaScript", "C++", "Java")]
    failed = [by_name.get(name, name) for name in required if name not in by_name or not by_name[name]["passed"]]
    assert checks["passed"] and not failed, failed
    assert by_name["cgroups"]["detail"] == "cgroup v2", by_name
    passed = [check for check in by_name.values() if check["passed"]]
    return f"{len(passed)} of {len(by_name)} passed; the others are toolchains that are not installed"


def make_language_check(language):
    def check():
        answer = expect(execute(language, HELLO[language]), output="hello 42\n", status="ok", exit_code=0)
        usage = answer["usage"]
        assert usage, answer
        return json.dumps(usage)[:120]
    check.__doc__ = f"{language} through webd with curl"
    return check


def programs_are_in_their_own_cgroups():
    """A running program is in a cgroup with the requested limits"""
    process = sleeper("--limit", "memory=100MiB", "--limit", "processes=20")
    try:
        (cgroup,) = run_cgroups()
        read = lambda name: (RUNS / cgroup / name).read_text().strip()
        assert read("memory.max") == str(100 << 20), read("memory.max")
        assert read("pids.max") == "21", read("pids.max")
        assert read("memory.swap.max") == "0" if (RUNS / cgroup / "memory.swap.max").exists() else True
        assert read("memory.oom.group") == "1"
        assert read("cpu.max") != "max 100000", read("cpu.max")
        inside = [int(pid) for pid in read("cgroup.procs").split()]
        (pid,) = processes()
        assert pid in inside and len(inside) == 2, (pid, inside)
        own = pathlib.Path(f"/proc/{main_pid('executord.service')}/cgroup").read_text().strip()
        assert own == "0::/executor.slice/executord.service/daemon", own
        return f"{cgroup}: memory, swap, processes, CPU; the daemon is in {own[3:]}"
    finally:
        process.send_signal(signal.SIGINT)
        wait_for(process)
        expect_nothing_left()


def the_user_has_a_name_while_it_exists():
    """`getent` and `id` resolve a run's user for all users while it exists, and not afterwards"""
    process = sleeper()
    try:
        (pid,) = processes()
        uid = os.stat(f"/proc/{pid}").st_uid
        as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        line = run(*as_nobody, "getent", "passwd", str(uid))
        name = line.split(":")[0]
        assert re.fullmatch("exec_[0-9a-f-]{36}", name), line
        assert run(*as_nobody, "getent", "passwd", name) == line
        assert run(*as_nobody, "getent", "group", str(uid)).split(":")[0] == name
        assert run(*as_nobody, "id", "-un", str(uid)) == name
        assert run(*as_nobody, "stat", "-c", "%U %G", f"/proc/{pid}") == f"{name} {name}"
        # ps truncates names to 32 characters and shows the uid of a user with a longer name.
        assert run(*as_nobody, "ps", "-o", "user=", "-p", str(pid)) in (name, str(uid))
    finally:
        process.send_signal(signal.SIGINT)
        wait_for(process)
    expect_nothing_left()
    assert run("getent", "passwd", str(uid), check=False) == ""
    return line


def memory_is_limited():
    """A program that exceeds its memory limit is killed; the daemons are not"""
    before = main_pid("executord.service")
    memory = {"memory_bytes": 64 << 20}
    expect(execute("python", "x = bytearray(200 << 20); print(len(x))", limits=memory), status="memory")
    # All processes of a program count together, even if the parent ignores what happens to its children.
    code = ("import os, time\nfor _ in range(10):\n    if os.fork() == 0:\n        x = bytearray(20 << 20)\n"
            "        time.sleep(60)\ntime.sleep(60)")
    answer = expect(execute("python", code, limits=memory), status="memory")
    code = "open('/dev/shm/x', 'wb').write(bytes(1 << 20) * 60); x = bytearray(30 << 20); print(len(x))"
    expect(execute("python", code, limits=memory), status="memory")
    assert main_pid("executord.service") == before
    expect_nothing_left()
    return f"reported peak: {answer['usage'].get('memory_bytes') or answer['usage']}"


def memory_is_measured():
    """The memory and CPU time that a program used are measured"""
    answer = expect(execute("python", "x = bytearray(80 << 20)\nn = 0\nfor i in range(3000000): n += i"), status="ok")
    usage = json.dumps(answer["usage"])
    peak = next(value for key, value in answer["usage"].items() if "memory" in key)
    assert 80 << 20 <= peak <= 130 << 20, usage
    cpu = next(value for key, value in answer["usage"].items() if "cpu" in key)
    assert cpu > 50, usage
    return usage[:120]


def programs_that_wait_block_nobody():
    """Sessions that wait for input use no slot: others run at the same time, and the sessions go on afterwards"""
    slots = status_of_executord()["slots"]
    session = lambda: start_program("asks.sh", "echo asks; read -r line; echo got $line", "asks\n", stdin=subprocess.PIPE)
    sessions = [session() for _ in range(slots + 1)]
    try:
        begun = time.monotonic()
        expect(execute("python", HELLO["python"]), output="hello 42\n", status="ok")
        took = time.monotonic() - begun
        counts = lambda: {key: status_of_executord()[key] for key in ("running", "idle")}
        expected = {"running": slots + 1, "idle": slots + 1}
        until(20, lambda: f"{expected}; found {counts()}", lambda: counts() == expected)
    finally:
        answers = [process.communicate("line\n", timeout=60) for process in sessions]
    assert answers == [("got line\n", "")] * len(sessions), answers
    expect_nothing_left()
    return f"hello next to {len(sessions)} sessions took {took:.1f} s"


def programs_that_sleep_run_at_the_same_time():
    """16 programs that sleep for a second run at the same time, on fewer slots"""
    code = "date +%s.%N; sleep 1; date +%s.%N"
    begun = time.monotonic()
    with futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: expect(execute("bash", code), status="ok"), range(16)))
    took = time.monotonic() - begun
    # An emulated processor starts few of them in a second, so only the order is judged.
    asleep = [tuple(map(float, answer["stdout"].split())) for answer in answers]
    together = max(sum(begin <= moment < end for begin, end in asleep) for moment, _ in asleep)
    slots = status_of_executord()["slots"]
    assert together > slots, (slots, asleep)
    expect_nothing_left()
    return f"up to {together} slept at one time on {slots} slots; {took:.1f} s in all"


def oom_kills(since, kind):
    """Returns the lines of the kernel's log since then about processes that it killed because of this constraint."""
    log = run("journalctl", "-k", "-b", "--no-pager", "-o", "cat", f"--since=@{since}")
    return [line for line in log.splitlines() if "oom-kill:" in line and kind in line]


def memory_bombs_harm_no_other():
    """Memory bombs in several executions at once report `memory`; no other program and no daemon is killed"""
    total = 768 << 20
    bomb = "import time\nhold = []\nwhile True: hold.append(bytearray(b'x') * (4 << 20))"
    fills = "import time\nhold = bytearray(b'x') * (200 << 20)\nprint(len(hold)); time.sleep(5)"
    with configured("executord", lambda before: f'memory = "{total >> 20}MiB"\n' + before):
        assert int((RUNS / "memory.max").read_text()) == total, (RUNS / "memory.max").read_text()
        daemons = [main_pid("executord.service"), main_pid("webd.service")]
        bystander, since = sleeper(), int(time.time())
        with futures.ThreadPoolExecutor(8) as pool:
            for answer in pool.map(lambda _: execute("python", bomb), range(8)):
                expect(answer, status="memory")
            # Each stays below its own limit of 256 MiB; together they need twice the memory of all.
            answers = list(pool.map(lambda _: execute("python", fills), range(8)))
        statuses = [answer["status"] for answer in answers]
        assert set(statuses) <= {"ok", "memory"} and "ok" in statuses, statuses
        assert bystander.poll() is None, bystander.communicate()
        bystander.send_signal(signal.SIGINT)
        wait_for(bystander)
        assert daemons == [main_pid("executord.service"), main_pid("webd.service")]
        of_host = oom_kills(since, "CONSTRAINT_NONE")
        assert not of_host, of_host
        works()
    own = len(oom_kills(since, "CONSTRAINT_MEMCG"))
    return f"the kernel killed in {own} cgroups; of 8 that fill 200 MiB {statuses.count('ok')} finished"


def metrics_have_their_own_address():
    """With metrics_listen, /metrics is served at that address only"""
    status_of = lambda url: run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url)
    with configured("webd", lambda before: 'metrics_listen = "127.0.0.1:9464"\n' + before):
        text = run("curl", "-fsS", "http://127.0.0.1:9464/metrics")
        assert "executor" in text, text[:300]
        statuses = [status_of(URL + "/metrics"), status_of("http://127.0.0.1:9464/api/languages")]
        assert statuses == ["404", "404"], statuses
        works()
    assert status_of(URL + "/metrics") == "200"


def processes_are_limited():
    """A fork bomb is contained, also in new sessions, and leaves no process"""
    code = ("import os, time\nfor _ in range(200):\n    try:\n        if os.fork() == 0:\n            os.setsid()\n"
            "            time.sleep(600)\n    except BlockingIOError:\n        print('refused'); break\n")
    expect(execute("python", code), stdout="refused\n", status="ok")
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    expect(execute("python", code, limits={"cpu_ms": 3000, "wall_ms": 8000}), status="timeout")
    expect_nothing_left()


def time_is_limited():
    """CPU time, wall-clock time and output are limited, also for a program that ignores SIGTERM"""
    cause = lambda answer: json.dumps(answer["cause"])
    cpu = expect(execute("python", "while True: pass", limits={"cpu_ms": 1500}), status="timeout")
    wall = expect(execute("python", "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(99)",
                          limits={"wall_ms": 2000}), status="timeout")
    expect(execute("python", "while True: print('x' * 1000)"), status="output_limit", truncated=True)
    expect_nothing_left()
    return f"{cause(cpu)}, {cause(wall)}"


def programs_can_use_their_loopback():
    """A program can use threads and its own loopback interface, but not the host's"""
    code = ("import socket, threading\nserver = socket.create_server(('127.0.0.1', 0))\n"
            "threading.Thread(target=lambda: server.accept()[0].sendall(b'own')).start()\n"
            "print(socket.create_connection(server.getsockname()).recv(9))\n"
            "try: socket.create_connection(('127.0.0.1', 3000), 2)\nexcept OSError as error: print(error.errno)")
    expect(execute("python", code), output="b'own'\n111\n")


def nothing_is_left_after_many():
    """100 executions, eight at a time, leave no cgroups, descriptors or mounts"""
    pid = main_pid("executord.service")
    count = lambda: len(os.listdir(f"/proc/{pid}/fd"))
    works()
    before = (count(), mount_count())
    body = json.dumps({"language": "python", "code": "print(1)"})
    pathlib.Path("/tmp/body").write_text(body)
    run("sh", "-c", f"seq 100 | xargs -P 8 -I N curl -sS -o /tmp/answer-N -H 'content-type: application/json' "
       f"--data-binary @/tmp/body {URL}/api/execute", timeout=900)
    answers = [json.loads(pathlib.Path(f"/tmp/answer-{n}").read_text()) for n in range(1, 101)]
    wrong = [answer for answer in answers if answer.get("output") != "1\n"]
    assert not wrong, wrong[:2]
    expect_nothing_left()
    after = (count(), mount_count())
    # webd keeps up to 16 idle connections.
    assert after[0] <= before[0] + 2 + 16 and after[1] == before[1], (before, after)
    return f"descriptors {before[0]} and {after[0]}, mounts {before[1]} and {after[1]}"


def executord_survives_kill_9():
    """kill -9 of executord while a program runs: the client gets an error, systemd restarts it, nothing is left"""
    process = sleeper()
    before = main_pid("executord.service")
    os.kill(before, signal.SIGKILL)
    code, message = wait_for(process)
    assert code == 125, (code, message)
    until(60, "another executord", lambda: main_pid("executord.service") not in (0, before))
    expect_nothing_left()
    works()
    return message


def executord_survives_kill_9_of_all_processes():
    """kill -9 of every process of the unit at once, while a program runs"""
    process = sleeper()
    before = main_pid("executord.service")
    run("systemctl", "kill", "--signal=KILL", "executord.service")
    code, message = wait_for(process)
    assert code == 125, (code, message)
    until(60, "another executord", lambda: main_pid("executord.service") not in (0, before))
    expect_nothing_left()
    works()


def executord_survives_a_lost_supervisor():
    """kill -9 of a supervisor and of a sandbox's init while programs run: only their clients get an error"""
    before = main_pid("executord.service")
    process = sleeper()
    (cgroup,) = run_cgroups()
    init = min(int(pid) for pid in (RUNS / cgroup / "cgroup.procs").read_text().split())
    os.kill(init, signal.SIGKILL)
    first = wait_for(process)
    expect_nothing_left()
    process = sleeper()
    (cgroup,) = run_cgroups()
    init = min(int(pid) for pid in (RUNS / cgroup / "cgroup.procs").read_text().split())
    supervisor = int(re.search(r"PPid:\t(\d+)", pathlib.Path(f"/proc/{init}/status").read_text())[1])
    assert supervisor != before
    os.kill(supervisor, signal.SIGKILL)
    second = wait_for(process)
    expect_nothing_left()
    works()
    assert first[0] != 0 and second[0] != 0, (first, second)
    assert main_pid("executord.service") == before
    return f"{first[1]} / {second[1]}"


def webd_survives_kill_9():
    """kill -9 of webd while a program runs: systemd restarts it, the program is cancelled, nothing is left"""
    client = subprocess.Popen(["curl", "-sS", URL + "/api/execute", "-H", "content-type: application/json", "-d",
                               json.dumps({"language": "python", "code": SLEEPER})], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(30, "the program runs", processes)
    before = main_pid("webd.service")
    os.kill(before, signal.SIGKILL)
    client.wait(timeout=30)
    until(60, "another webd", lambda: main_pid("webd.service") not in (0, before))
    expect_nothing_left()
    works()


def executord_survives_cgroup_kill():
    """cgroup.kill of the whole unit: programs run again in the next daemon's cgroup"""
    process = sleeper()
    before = main_pid("executord.service")
    (RUNS.parent / "cgroup.kill").write_text("1")
    wait_for(process)
    until(60, "another executord", lambda: main_pid("executord.service") not in (0, before))
    expect_nothing_left()
    works()


def a_restart_ends_running_programs():
    """systemctl restart executord ends a running program in time; programs run after it and after a restart of webd"""
    process = sleeper()
    before = main_pid("executord.service")
    begun = time.monotonic()
    restart = subprocess.Popen(["systemctl", "restart", "executord.service"])
    assert restart.wait(timeout=90) == 0
    took = time.monotonic() - begun
    code, message = wait_for(process)
    assert code == 130 or code == 125, (code, message)
    assert main_pid("executord.service") not in (0, before)
    assert pathlib.Path("/run/executor/executord.sock").is_socket()
    expect_nothing_left()
    works()
    run("systemctl", "restart", "webd.service")
    works()
    return f"{took:.1f} s; the program: {code} {message!r}"


def requests_wait_during_a_restart():
    """A request during a restart of an idle executord waits and succeeds"""
    # webd waits a few seconds; a restart on an emulated processor may take longer.
    for attempt in range(3):
        ready()
        restart = subprocess.Popen(["systemctl", "restart", "executord.service"])
        answer = execute("python", HELLO["python"])
        assert restart.wait(timeout=90) == 0
        if answer.get("code") != "unavailable":
            break
    expect(answer, output="hello 42\n", status="ok")
    return f"{attempt + 1} attempts"


def a_connection_starts_a_stopped_daemon():
    """systemctl stop leaves no process and no cgroup; the next connection starts executord"""
    run("systemctl", "stop", "executord.service")
    assert not processes() and not RUNS.parent.exists(), list(RUNS.parent.glob("**/"))
    assert run("systemctl", "is-active", "executord.service", check=False) == "inactive"
    # The first attempt may time out: running all toolchains for their versions takes long on an emulated processor.
    until(60, "an answer", lambda: run("executor", "status"))
    assert run("systemctl", "is-active", "executord.service") == "active"
    works()


def a_reload_reads_languages():
    """systemctl reload adds a language while a program runs; an invalid file changes nothing"""
    ready()
    process = sleeper()
    directory = pathlib.Path("/etc/executor/languages")
    directory.mkdir(exist_ok=True)
    shell = pathlib.Path("/usr/lib/executor/languages/bash.toml").read_text()
    (directory / "posix.toml").write_text(shell.replace('name = "bash"', 'name = "posix"').replace("aliases", "#aliases"))
    run("systemctl", "reload", "executord.service")
    until(60, "the language is available", lambda: "posix" in run("executor", "languages"))
    works()
    (directory / "posix.toml").write_text("nonsense")
    run("systemctl", "reload", "executord.service")
    time.sleep(3)
    assert "posix" in run("executor", "languages")
    (directory / "posix.toml").unlink()
    run("systemctl", "reload", "executord.service")
    until(60, "the language is gone", lambda: "posix" not in run("executor", "languages"))
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    wait_for(process)
    expect_nothing_left()
    works()


def run_without_unit(*wrapper):
    """Starts executord without its unit, runs programs, and returns the cgroups that it noted."""
    config = pathlib.Path("/tmp/by-hand.toml")
    config.write_text(f'runtime_directory = "/tmp/by-hand"\nslots = 1\n{NO_POOL}')
    daemon = subprocess.Popen([*wrapper, "executord", "--config", config], stderr=subprocess.PIPE, text=True)
    try:
        socket = ("executor", "--socket", "/tmp/by-hand/executord.sock")
        until(60, "executord without its unit is ready", lambda: run(*socket, "status"))
        status = json.loads(run(*socket, "status", "--json"))
        assert (status["cgroups"], status["degraded"]) == ("cgroup v2", []), status
        pathlib.Path("/tmp/hello.py").write_text(HELLO["python"])
        assert run(*socket, "run", "/tmp/hello.py", stdin=subprocess.DEVNULL) == "hello 42"
        code = run(*socket, "run", "--limit", "memory=64MiB", "--json", "/tmp/bomb.py", stdin=subprocess.DEVNULL, check=False)
        assert json.loads(code)["status"] == "memory", code
        return pathlib.Path("/tmp/by-hand/cgroups").read_text()
    finally:
        run("systemctl", "kill", "by-hand.scope") if "systemd-run" in wrapper else daemon.terminate()
        log = daemon.communicate(timeout=30)[1]
        (STATE / f"by-hand-{len(wrapper)}.txt").write_text(log)


def the_pool_serves_programs():
    """With the default configuration programs get pre-warmed sandboxes, and kill -9 of executord leaves none of them"""
    of_python = re.compile(r'^\S*prepared_(ready|taken_total)\{language="python",stage="run"(,result="hit")?\} (\d+)$', re.M)
    metrics = lambda: run("curl", "-fsS", URL + "/metrics")
    count = lambda kind: sum(int(number) for name, _, number in of_python.findall(metrics()) if name == kind)
    with pool_settings(""):
        until(180, "a pre-warmed sandbox for Python", lambda: count("ready"))
        works()
        assert count("taken_total") >= 1, metrics()
        until(180, "another pre-warmed sandbox", lambda: count("ready"))
        warm = set(run_cgroups())
        assert warm
        os.kill(main_pid("executord.service"), signal.SIGKILL)
        until(60, lambda: f"no pre-warmed sandboxes; found {warm & set(run_cgroups())}", lambda: not warm & set(run_cgroups()))
        works()
    return f"{len(warm)} pre-warmed sandboxes"


def zygotes_serve_programs():
    """With zygotes, programs in Python and JavaScript are forks of an interpreter that is not root, without privileges and in their own cgroups"""
    with pool_settings(NO_POOL + "zygotes = true\n"):
        code = ("import os; status = open('/proc/self/status').read(); print(hash('a'), *sorted("
                "line for line in status.splitlines() if line.startswith(('Cap', 'NoNewPrivs', 'Seccomp:'))))")
        outputs = [expect(execute("python", code), status="ok")["output"] for _ in range(2)]
        assert outputs[0] == outputs[1], outputs
        assert "CapPrm:\t0000000000000000" in outputs[0], outputs
        assert "NoNewPrivs:\t1" in outputs[0] and "Seccomp:\t2" in outputs[0], outputs
        expect(execute("python", "x = bytearray(200 << 20)", limits={"memory_bytes": 64 << 20}), status="memory")
        # A thread, which has the filter of the program, a child process and a worker.
        code = """
const { Worker, isMainThread } = require('worker_threads');
const fs = require('fs');
const state = (path) => fs.readFileSync(path, 'utf8').split('\\n').filter((line) => /^(Cap|NoNewPrivs|Seccomp:|Uid|Gid)/.test(line)).join();
const states = fs.readdirSync('/proc/self/task').map((task) => state(`/proc/self/task/${task}/status`));
console.log(new Set(states).size, states.length > 5, /CapPrm:\\t0{16},.*NoNewPrivs:\\t1,Seccomp:\\t2/.test(states[0]));
console.log(require('child_process').execSync('echo child').toString());
fs.promises.readFile('main.js', 'utf8').then((text) => console.log(text.length > 100));
new Worker('console.log(6 * 7)', { eval: true });
"""
        for _ in range(3):
            output = expect(execute("javascript", code), status="ok")["output"]
            assert output == "1 true true\nchild\n\ntrue\n42\n", output
        assert len({execute("javascript", "console.log(Math.random())")["output"] for _ in range(3)}) == 3
        process = sleeper("--limit", "memory=100MiB")
        (cgroup,) = run_cgroups()
        inside = (RUNS / cgroup / "cgroup.procs").read_text().split()
        assert str(processes()[0]) in inside and len(inside) == 2, inside
        process.send_signal(signal.SIGINT)
        wait_for(process)
        log = run("journalctl", "-b", "--no-pager", "-o", "cat", "-u", "executord")
        assert "cannot launch sandbox from zygote" not in log, log[-600:]
        expect_nothing_left()
    return f"both print {outputs[0].split()[0]}"


def java_is_compiled_in_forks():
    """Where Java is always ready, a program is compiled in a fork of a JVM that is not root, in its own cgroup"""
    ready = re.compile(r'^\S*prepared_ready\{language="java",stage="compile"\} [1-9]', re.M)
    with pool_settings('[pool]\nmemory_at_rest = "300MiB"\n'):
        until(300, "a pre-warmed compiler", lambda: ready.search(run("curl", "-fsS", URL + "/metrics")))
        jvms = run("pgrep", "-f", "^/launcher/java app=").split()
        owners = {pathlib.Path("/proc", pid).stat().st_uid for pid in jvms}
        assert len(jvms) == 3 and 0 not in owners, (jvms, owners)
        answer = expect(execute("java", HELLO["java"]), status="ok", output="hello 42\n")
        assert answer["compile"]["start"] == "warm", answer
        log = run("journalctl", "-b", "--no-pager", "-o", "cat", "-u", "executord")
        assert "zygote" not in log, log[-600:]
    return f"a zygote, init and the compiler, of the users {sorted(owners)}"


def executord_works_without_its_unit():
    """executord applies limits by cgroup when started from a shell and in a container's cgroup namespace"""
    pathlib.Path("/tmp/bomb.py").write_text("x = bytearray(200 << 20); print(len(x))")
    run("systemctl", "stop", "executord.service", "executord.socket")
    try:
        shell = run_without_unit()
        assert not list(pathlib.Path("/sys/fs/cgroup/system.slice/check.service").glob("*/")), "an empty cgroup is left"
        container = run_without_unit("systemd-run", "--quiet", "--scope", "--unit=by-hand", "-p", "Delegate=yes",
                            "unshare", "--cgroup", "--mount", "sh", "-c",
                            'umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"', "sh")
    finally:
        run("systemctl", "start", "executord.socket", "executord.service")
    works()
    return f"{shell}, {container}"


def recommended_sysctls_break_nothing():
    """Programs run with the sysctls that docs/operations.md recommends"""
    block = pathlib.Path("docs/operations.md").read_text().split("90-executor.conf", 1)[1].split("```")[1]
    settings = [line for line in block.split("\n") if "=" in line]
    pathlib.Path("/tmp/sysctls").write_text("\n".join(settings) + "\n")
    run("sysctl", "-e", "-p", "/tmp/sysctls")
    run("systemctl", "restart", "executord.service", "webd.service")
    works()
    for language in HELLO:
        expect(execute(language, HELLO[language]), output="hello 42\n", status="ok")
    expect_nothing_left()
    return f"{len(settings)} settings"


def attacks_fail():
    """No attack sent through webd succeeds"""
    environment = dict(os.environ, EXECUTOR_PROBES="/var/in/probes")
    home = pathlib.Path(pathlib.Path("attacks-home").read_text().strip())
    made = [path for path in [*reversed(home.parents), home] if not path.exists()]
    if made:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.symlink_to("/var/in/e2e")
        (home.parent / "docs").symlink_to("/var/in/docs")
    own = pathlib.Path("attack-options").read_text().split() + ([] if pathlib.Path("probes").exists() else ["--own"])
    report = run("./attacks", "--url", "127.0.0.1:3000",
              "--socket", "/run/executor/executord.sock", *dict.fromkeys(["--disposable-host", "--skip-slow", *own]),
              check=False, timeout=5400, env=environment)
    (STATE / "attacks.txt").write_text(report)
    # A later check compares the files on the disk, and these do not belong to the package.
    if made:
        (home.parent / "docs").unlink()
        home.unlink()
        for path in reversed(made[:-1]):
            path.rmdir()
    expect_nothing_left()
    # Everything is slow on an emulated processor. An attack that only took too long did not succeed.
    late = re.compile("took [0-9]+ ms|the next run: no answer in 10 s|stdout lacks .*: \"\"|status timeout \"\""
                      "|.* is not in the output of all runs")
    # Attacks of a language that this machine does not have. `make attacks` requires every language.
    missing = re.compile(".*TypeScript is not available: tsc is not in .*")
    cases = [case.splitlines() for case in re.split("\\n(?=[a-zA-Z])", report)]
    failed = [case[0].split()[-1] for case in cases if case[0].startswith("FAIL  must")]
    only = lambda reason: [case[0].split()[-1] for case in cases if case[0].startswith("FAIL  must")
                           and all(reason.fullmatch(line.strip()) for line in case[1:])]
    slow, impossible = only(late), only(missing)
    passed = len([case for case in cases if case[0].startswith("pass")])
    succeeded = sorted(set(failed) - set(slow) - set(impossible))
    assert passed and not succeeded, f"{succeeded} succeeded; {passed} did not"
    return f"{passed} passed, {len(slow)} only took too long: {' '.join(slow)}; no TypeScript: {' '.join(impossible)}"


def make_score_check(unit, most):
    def check():
        score = float(run("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1].split(":")[1].split()[0])
        assert score <= most, score
        return str(score)
    check.__doc__ = f"systemd-analyze security {unit} is at most {most}"
    return check


NATS = "nats://127.0.0.1:4222"


def nats_starts(directory):
    """Starts nats-server with keys, and creates the streams."""
    run("executor", "cluster", "keys", "--out", str(directory), "--front", "web", "--node", "node")
    (directory / "nats.conf").write_text(
        f"listen: 127.0.0.1:4222\njetstream {{ store_dir: {directory}/store, max_file_store: 64GB }}\ninclude executor-users.conf\n")
    run("systemd-run", "--quiet", "--collect", "--unit=check-nats", "nats-server", "-c", str(directory / "nats.conf"))
    init = ("executor", "cluster", "init", "--server", NATS, "--key-file", str(directory / "admin.nk"))
    until(60, "nats-server answers", lambda: run(*init))


def install_key(source, target, group):
    run("install", "-m", "0640", "-g", group, str(source), target)


def submit(code):
    body = json.dumps({"language": "python", "code": code})
    answer = run("curl", "-sS", URL + "/api/submissions", "-H", "content-type: application/json", "--data-binary", "@-", input=body)
    token = json.loads(answer)["token"]
    return lambda: json.loads(run("curl", "-sS", f"{URL}/api/submissions/{token}"))


def a_cluster_runs_submissions():
    """The package executor-node runs submissions over NATS JetStream, after kill -9 and changes of the clock too, and can be purged"""
    directory = pathlib.Path("/var/lib/check-cluster")
    nats_starts(directory)
    install_key(directory / "web.nk", "/etc/executor/front.nk", "executor-webd")
    settings = f'\n[submissions]\nenabled = true\n[cluster]\nname = "web"\nservers = ["{NATS}"]\n'
    with configured("webd", lambda before: before + settings):
        run("dpkg", "-i", *pathlib.Path("first").glob("executor-node_*.deb"))
        install_key(directory / "node.nk", "/etc/executor/node.nk", "executor-node")
        with open("/etc/executor/noded.toml", "a") as config:
            config.write(f'[cluster]\nservers = ["{NATS}"]\n')
        noded = pathlib.Path("/etc/executor/noded.toml")
        noded.write_text('name = "node"\n' + noded.read_text())
        run("systemctl", "enable", "--now", "--quiet", "executor-node.service")
        score = float(run("systemd-analyze", "security", "--no-pager", "executor-node.service").splitlines()[-1].split(":")[1].split()[0])
        assert score <= 2.0, score
        fetch = submit(HELLO["python"])
        until(120, fetch, lambda: fetch()["status"] == "finished" and fetch()["result"]["output"] == "hello 42\n")
        slow = submit("import time; time.sleep(5); print('once')")
        until(60, slow, lambda: slow()["status"] == "running")
        before = main_pid("executor-node.service")
        os.kill(before, signal.SIGKILL)
        until(60, "another noded", lambda: main_pid("executor-node.service") not in (0, before))
        until(120, slow, lambda: slow()["status"] == "finished" and slow()["result"]["output"] == "once\n")
        # The clock jumps by an hour while a submission runs, and back.
        for jump in (3600, -3600):
            timed = submit("import time; time.sleep(5); print('in time')")
            until(60, timed, lambda: timed()["status"] == "running")
            run("date", "--set", f"@{int(time.time()) + jump}")
            until(120, timed, lambda: timed()["status"] == "finished" and timed()["result"]["output"] == "in time\n")
        run("dpkg", "--purge", "executor-node")
    run("systemctl", "stop", "check-nats.service")
    for path in ("/etc/executor/front.nk", "/etc/executor/node.nk"):
        pathlib.Path(path).unlink(missing_ok=True)
    run("rm", "-r", str(directory))
    return f"score {score}"


def the_package_upgrades():
    """An upgrade keeps the configuration, and programs run afterwards"""
    path = pathlib.Path("/etc/executor/executord.toml")
    assert SLOW in path.read_text()
    before = main_pid("executord.service")
    install("second")
    assert SLOW in path.read_text() and not path.with_suffix(".toml.dpkg-dist").exists()
    assert main_pid("executord.service") not in (0, before)
    expect_nothing_left()
    works()
    return run("dpkg-query", "-W", "executor").replace("\t", " ")


def the_log_is_clean():
    """The journal contains no output of a program"""
    log = run("journalctl", "-b", "--no-pager", "-o", "cat", "-u", "executord", "-u", "webd")
    (STATE / "journal.txt").write_text(run("journalctl", "-b", "--no-pager"))
    assert "asleep" not in log and "hello 42" not in log
    return f"{len(log.splitlines())} lines; {len(re.findall(' WARN | ERROR ', log))} warnings and errors, see journal.txt"


def configure_for_emulation():
    """executord reads its configuration at a restart"""
    configure("executord", lambda before: before + SLOW + NO_POOL)


# ---- the second boot

def programs_run_after_a_reboot():
    """After a reboot the units are active and programs run"""
    for unit in UNITS:
        until(90, f"{unit} is active", lambda: run("systemctl", "is-active", unit) == "active")
    works()
    for language in ("javascript", "cpp"):
        expect(execute(language, HELLO[language]), output="hello 42\n", status="ok")
    expect_nothing_left()


def the_package_can_be_removed():
    """Removing the package while a program runs stops everything and keeps the configuration"""
    process = sleeper()
    run("dpkg", "-r", "executor")
    wait_for(process)
    for unit in UNITS:
        assert run("systemctl", "is-active", unit, check=False) != "active", unit
    assert not processes() and not userdb_records(), remaining()
    assert not RUNS.parent.exists()
    assert pathlib.Path("/etc/executor/executord.toml").exists()
    install("first")
    works()


def a_purge_leaves_nothing():
    """A purge leaves no file, user, unit or cgroup"""
    run("dpkg", "--purge", "executor")
    before, after = set(json.loads((STATE / "before.json").read_text())), set(files_and_users())
    changed = sorted(before ^ after)
    changed = [path for path in changed if not path.startswith(("/var/lib/systemd", "/etc/.pwd.lock"))]
    assert not changed, changed[:20]
    failed = run("systemctl", "--failed", "--plain", "--no-legend")
    assert not failed, failed
    units = [line for line in run("systemctl", "list-units", "--all", "--plain", "--no-legend").splitlines() if re.match("executor|webd", line)]
    assert not units, units
    assert not pathlib.Path("/run/executor").exists()
    assert not pathlib.Path("/sys/fs/cgroup/executor.slice").exists()


STAGES = [
    [
        the_host_has_only_cgroup_v2,
        the_package_installs,
        sockets_and_users_are_as_documented,
        only_its_group_may_connect,
        configure_for_emulation,
        executor_check_passes,
        *map(make_language_check, HELLO),
        programs_are_in_their_own_cgroups,
        the_user_has_a_name_while_it_exists,
        memory_is_limited,
        memory_is_measured,
        programs_that_wait_block_nobody,
        programs_that_sleep_run_at_the_same_time,
        memory_bombs_harm_no_other,
        metrics_have_their_own_address,
        processes_are_limited,
        time_is_limited,
        programs_can_use_their_loopback,
        nothing_is_left_after_many,
        executord_survives_kill_9,
        executord_survives_kill_9_of_all_processes,
        executord_survives_a_lost_supervisor,
        webd_survives_kill_9,
        executord_survives_cgroup_kill,
        a_restart_ends_running_programs,
        requests_wait_during_a_restart,
        a_connection_starts_a_stopped_daemon,
        a_reload_reads_languages,
        the_pool_serves_programs,
        zygotes_serve_programs,
        java_is_compiled_in_forks,
        executord_works_without_its_unit,
        make_score_check("executord.service", 4.0),
        make_score_check("webd.service", 1.5),
        a_cluster_runs_submissions,
        the_package_upgrades,
        recommended_sysctls_break_nothing,
        attacks_fail,
        the_log_is_clean,
    ],
    [
        programs_run_after_a_reboot,
        the_package_can_be_removed,
        a_purge_leaves_nothing,
    ],
]


def main():
    STATE.mkdir(exist_ok=True)
    stage = int((STATE / "stage").read_text()) if (STATE / "stage").exists() else 0
    only = pathlib.Path("only").read_text().split() if pathlib.Path("only").exists() else []
    with open(STATE / "results.tsv", "a", buffering=1) as results:
        for check in STAGES[stage]:
            if only and check.__name__ not in only:
                continue
            begun = time.monotonic()
            try:
                answer, detail = "yes", check() or ""
            except Exception as error:
                answer, detail = "NO", f"{type(error).__name__}: {error}"
                traceback.print_exc()
            took = time.monotonic() - begun
            name = check.__doc__.strip()
            detail = " ".join(str(detail).split())
            results.write(f"{answer}\t{name}\t{took:.0f} s\t{detail}\n")
            print(f"## {answer:3} {took:4.0f} s  {name}" + (f": {detail}" if detail else ""), flush=True)
    (STATE / "journal-{}.txt".format(stage)).write_text(run("journalctl", "-b", "--no-pager", check=False))
    (STATE / "stage").write_text(str(stage + 1))
    if stage + 1 < len(STAGES):
        (STATE / "again").touch()
    else:
        (STATE / "finished").touch()


if __name__ == "__main__":
    sys.exit(main())
