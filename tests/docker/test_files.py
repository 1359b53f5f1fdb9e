"""The files of docker/: by their schemas, and by the rules that no schema knows."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

DOCKER = Path(__file__).parents[2] / "docker"
ROOT = DOCKER.parent


def load(name: str) -> list[dict[str, Any]]:
    """Return the documents of a file."""
    return list(YAML(typ="safe", pure=True).load_all((DOCKER / name).read_text()))


def test_compose_by_its_schema() -> None:
    """The published one, which check-jsonschema brings along."""
    checker = Path(sys.executable).with_name("check-jsonschema")
    words = [checker, "--builtin-schema", "vendor.compose-spec", DOCKER / "compose.yaml"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_opens_nothing_beyond_this_machine() -> None:
    """And every service has the token as a secret, shared memory and the shared volume; GPUs come by their profile, cores by a setting."""
    [compose] = load("compose.yaml")
    services = compose["services"]
    assert set(services) == {"head", "worker", "worker-gpu"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["secrets"] == ["token"], name
        assert service["environment"]["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/token", name
        assert service["shm_size"] == "4gb", name
        assert any(volume.endswith(":/shared") for volume in service["volumes"]), name
    for worker in ("worker", "worker-gpu"):
        assert services[worker]["environment"]["UPSWEEP_CPUS"] == "${UPSWEEP_CPUS:-}"
    assert services["worker-gpu"]["profiles"] == ["gpu"]
    assert "profiles" not in services["worker"]


def test_kuberay_has_the_token_from_a_secret_and_runs_as_no_root() -> None:
    """In every pod; the head gives no cores; volumes that are mounted are there."""
    _, cluster = load("kuberay.yaml")
    groups = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    assert groups[0]["rayStartParams"]["num-cpus"] == "0"
    for group in groups:
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        [container] = pod["containers"]
        environment = {one["name"]: one for one in container["env"]}
        assert environment["RAY_AUTH_MODE"]["value"] == "token"
        assert "secretKeyRef" in environment["RAY_AUTH_TOKEN"]["valueFrom"]
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}


def test_kuberay_by_its_schema() -> None:
    """That of the operator's custom resource, a file of its release that is too large to keep here."""
    if not (place := os.environ.get("UPSWEEP_KUBERAY_CRD")):
        pytest.skip("UPSWEEP_KUBERAY_CRD does not name KubeRay's ray.io_rayclusters.yaml")
    from jsonschema import Draft7Validator

    crd = YAML(typ="safe", pure=True).load(Path(place).read_text())
    [version] = [one for one in crd["spec"]["versions"] if one["name"] == "v1"]
    _, cluster = load("kuberay.yaml")
    problems = Draft7Validator(version["schema"]["openAPIV3Schema"]).iter_errors(cluster)
    assert [problem.message for problem in problems] == []


def start(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run docker/start with a path on which it finds Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    return subprocess.run(
        [DOCKER / "start", *words],
        env=kept | {"PATH": path, "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", [(), ("worker",), ("worker", "head"), ("head", "more"), ("other",)])
def test_the_start_script_says_how_it_is_used(words: tuple[str, ...]) -> None:
    """And exits with 2."""
    done = start(*words)
    assert done.returncode == 2
    assert "usage: docker/start head | worker HEAD:PORT" in done.stderr


@pytest.mark.parametrize("words", [("head",), ("worker", "127.0.0.1:6379")])
def test_the_start_script_starts_nothing_without_a_token_or_with_an_open_one(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """By the same messages as the commands."""
    token = tmp_path / "token"
    done = start(*words, RAY_AUTH_TOKEN_PATH=str(token))
    assert done.returncode == 2
    assert f"needs the cluster's token, and {token} is not there" in done.stderr
    token.write_text("f" * 64)
    token.chmod(0o644)
    done = start(*words, RAY_AUTH_TOKEN_PATH=str(token))
    assert done.returncode == 2
    assert f"chmod 600 {token}" in done.stderr
    assert "f" * 64 not in done.stdout + done.stderr


def test_the_image_asks_for_what_setup_cfg_does() -> None:
    """Its layer of other people's packages is made before the code is there."""
    done = subprocess.run(
        [sys.executable, DOCKER / "requirements"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "ray[default,tune]>=2.50" in done.stdout.splitlines()
