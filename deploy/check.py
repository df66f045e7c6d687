"""Validates the files for Kubernetes and Docker Compose, and what they have in common. check.sh runs it."""

import pathlib
import sys

import kubernetes_validate
import yaml
from compose_spec.compose_spec import PyOptions

HERE = pathlib.Path(__file__).parent
KUBERNETES = "1.34"


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def check_kubernetes():
    count = 0
    for path in sorted((HERE / "kubernetes").glob("*.yaml")):
        for document in documents(path):
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
            count += 1
    print(f"Kubernetes {KUBERNETES}: {count} objects are valid")


def check_compose():
    for path in [HERE / "compose.cluster.yaml", HERE / "../compose.yaml"]:
        project = PyOptions(apply_merge=True).from_yaml(path.read_text())
        project.validate()
        print(f"{path.name}: {len(project.service_names())} services are valid")


def check_same_pod():
    """daemonset.yaml and autoscaled.yaml differ in the kind, and in that the latter spreads its pods."""
    (daemon_set,) = documents(HERE / "kubernetes/daemonset.yaml")
    deployment = documents(HERE / "kubernetes/autoscaled.yaml")[0]
    pod = deployment["spec"]["template"]
    del pod["spec"]["affinity"]
    if pod != daemon_set["spec"]["template"]:
        sys.exit("the pods of daemonset.yaml and autoscaled.yaml differ")


def check_capabilities():
    """The capabilities of each executord are those of systemd/executord.service."""
    unit = (HERE / "../systemd/executord.service").read_text()
    (line,) = [line for line in unit.splitlines() if line.startswith("CapabilityBoundingSet=")]
    expected = {name.removeprefix("CAP_") for name in line.split("=")[1].split()}
    (daemon_set,) = documents(HERE / "kubernetes/daemonset.yaml")
    executord = daemon_set["spec"]["template"]["spec"]["initContainers"][0]
    found = {"kubernetes": executord["securityContext"]["capabilities"]["add"]}
    for path in [HERE / "compose.cluster.yaml", HERE / "../compose.yaml"]:
        for name, service in yaml.safe_load(path.read_text())["services"].items():
            if name.startswith("executord"):
                found[f"{path.name}: {name}"] = service["cap_add"]
    for where, names in found.items():
        if set(names) != expected:
            sys.exit(f"{where}: capabilities {sorted(names)} instead of {sorted(expected)}")
    print(f"capabilities: {len(found)} containers as in executord.service")


check_kubernetes()
check_compose()
check_same_pod()
check_capabilities()
