//! Real packages of PyPI and npm: `make packages-tests`.

use std::process::Command;

use e2e::daemons::{Daemons, Settings};
use serde_json::json;

use crate::{change, packages_of, run, sets, settings, start};

/// What a C library says on a host with 64 cores, to libraries that start a thread for each.
const CORES: &str = r#"
#define _GNU_SOURCE
#include <sched.h>
#include <unistd.h>
#include <dlfcn.h>
#include <errno.h>

long sysconf(int name) {
    if (name == _SC_NPROCESSORS_CONF || name == _SC_NPROCESSORS_ONLN) return 64;
    long (*real)(int) = dlsym(RTLD_NEXT, "sysconf");
    return real(name);
}
int get_nprocs(void) { return 64; }
int get_nprocs_conf(void) { return 64; }
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
    if (size < 8) { errno = EINVAL; return -1; }
    CPU_ZERO_S(size, set);
    for (int core = 0; core < 64; core++) CPU_SET_S(core, size, set);
    return 0;
}
"#;

/// Starts itself again on a host with 64 cores, and prints how many threads there are after the imports.
const IMPORTS: &str = r#"
import os, sys
if "LD_PRELOAD" not in os.environ:
    environment = dict(os.environ, LD_PRELOAD="/packages/cores.so", MPLCONFIGDIR="/tmp")
    if sys.argv[1:] == ["unlimited"]:
        environment = {name: value for name, value in environment.items() if not name.endswith("_NUM_THREADS")}
    os.execve(sys.executable, [sys.executable, "main.py"], environment)
assert os.cpu_count() == 64, os.cpu_count()
import numpy, pandas, scipy.linalg, matplotlib.pyplot as plot
frame = pandas.DataFrame({"a": [1, 2, 3]})
plot.plot(frame["a"])
plot.savefig("plot.png")
product = numpy.random.rand(300, 300) @ numpy.random.rand(300, 300)
print(len(os.listdir("/proc/self/task")), int(frame["a"].sum()), os.path.getsize("plot.png") > 1000)
"#;

/// Removes the modules of Debian's `python3-matplotlib`. With them, matplotlib of a set warns that there are two.
const NO_MATPLOTLIB: &str = "mkdir $DIRECTORY/overlay\n\
    mount -t tmpfs -o mode=755 tmpfs $DIRECTORY/overlay\n\
    mkdir $DIRECTORY/overlay/upper $DIRECTORY/overlay/work\n\
    mount -t overlay overlay -o lowerdir=/usr,upperdir=$DIRECTORY/overlay/upper,workdir=$DIRECTORY/overlay/work /usr\n\
    rm -rf /usr/lib/python3/dist-packages/mpl_toolkits /usr/lib/python3/dist-packages/matplotlib*";

#[tokio::test]
async fn data_science_runs_within_the_default_limits_on_a_host_with_64_cores() {
    let settings = Settings { host: Some(NO_MATPLOTLIB.to_owned()), ..settings() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let add = [
        "add",
        "--user",
        "nobody",
        "--set",
        "data-science",
        "python",
        "numpy",
        "pandas",
        "matplotlib",
        "scipy",
    ];
    let printed = change(&daemons, &[], &add);
    for package in ["numpy ", "pandas ", "matplotlib ", "scipy ", "python-dateutil "] {
        assert!(printed.contains(package), "{printed}");
    }
    let set = sets(&daemons).join("python/data-science/1");
    let source = daemons.directory().join("cores.c");
    std::fs::write(&source, CORES).expect("a writable directory");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(set.join("cores.so")).arg(&source).status();
    assert!(compiled.expect("the compiler starts").success());
    let body = |args: &[&str]| json!({ "language": "python", "packages": "data-science", "code": IMPORTS, "args": args });
    let answer = daemons.execute(&body(&[])).await;
    println!("memory {} cpu {}", answer["usage"]["memory_bytes"], answer["usage"]["cpu_ms"]);
    assert_eq!((&answer["status"], &answer["stderr"]), (&json!("ok"), &json!("")), "{answer}");
    let output = answer["output"].as_str().expect("text");
    let (threads, rest) = output.split_once(' ').expect("three words");
    assert!(threads.parse::<u32>().expect("a number") <= 4, "{output}");
    assert_eq!(rest, "6 True\n");
    // Without the variables, the same program starts a thread for each core, and fails.
    let answer = daemons.execute(&body(&["unlimited"])).await;
    assert_ne!(answer["stderr"], "", "{answer}");
    let plain = "import numpy, pandas, matplotlib.pyplot\nprint(numpy.arange(4).sum())";
    let answer = run(&daemons, "python", Some("data-science"), plain).await;
    assert_eq!((&answer["output"], &answer["stderr"]), (&json!("6\n"), &json!("")), "{answer}");
}

#[tokio::test]
async fn packages_of_the_registries_are_installed() {
    let daemons = start().await;
    let add = |language: &str, packages: &[&str]| {
        change(&daemons, &[], &[&["add", "--user", "nobody", language], packages].concat())
    };
    add("javascript", &["lodash@4.17.21"]);
    let lodash = json!([{ "name": "lodash", "version": "4.17.21" }]);
    assert_eq!(packages_of(&daemons, "javascript").await[0]["packages"], lodash);
    for code in [
        "console.log(require('lodash').chunk([1, 2, 3], 2))",
        "import _ from 'lodash'; console.log(_.chunk([1, 2, 3], 2))",
    ] {
        let body = if code.starts_with("import") {
            json!({ "language": "javascript", "filename": "main.mjs", "code": code })
        } else {
            json!({ "language": "javascript", "code": code })
        };
        assert_eq!(daemons.execute(&body).await["output"], "[ [ 1, 2 ], [ 3 ] ]\n");
    }
    add("typescript", &["lodash"]);
    let code = "const _ = require('lodash'); console.log(_.sum([1, 2]));";
    assert_eq!(run(&daemons, "typescript", None, code).await["output"], "3\n");
    // A second command adds to the set.
    add("python", &["idna==3.4"]);
    add("python", &["certifi"]);
    let code = "import idna, certifi; print(idna.__version__)";
    assert_eq!(run(&daemons, "python", None, code).await["output"], "3.4\n");
}
