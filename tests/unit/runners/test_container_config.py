"""What an engine is told of a container."""

from typing import Any

from devctl.core.container import Container, Mount
from devctl.core.launch import ContainerLaunch, Launch
from devctl.runners import container_config


def config(options: Container | None = None, **fields: Any) -> dict[str, Any]:
    launched = {key: fields.pop(key) for key in tuple(fields) if key in Launch.__dataclass_fields__}
    container = ContainerLaunch(
        engine="unix:///x", stack="shop", folder="/f", image="i:1", options=options or Container(),
        aliases=("order",), **fields,
    )  # fmt: skip
    values = {"argv": (), "environment": {}, "working_dir": "", **launched}
    launch = Launch("order.2", "order", "run", log_folder="/l", container=container, **values)
    return container_config.config(launch, container, "key")


def test_what_is_not_said_is_the_images_own() -> None:
    made = config()
    assert not {"Cmd", "Entrypoint", "WorkingDir", "User", "StopSignal", "Healthcheck"} & made.keys()
    assert set(made["HostConfig"]) == {
        "NetworkMode", "PortBindings", "RestartPolicy", "SecurityOpt", "LogConfig", "Mounts",
    }  # fmt: skip


def test_an_empty_entrypoint_takes_the_images_away() -> None:
    assert config(Container(entrypoint=()))["Entrypoint"] == []


def test_ports_are_published_on_loopback_and_the_engine_does_not_restart() -> None:
    made = config(published=((80, 8080),))
    assert made["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}
    assert made["HostConfig"]["RestartPolicy"] == {"Name": "no"}


def test_mounts_rights_and_limits_are_said_in_the_engines_words() -> None:
    options = Container(cpus=1.5, memory_bytes=7, shm_bytes=8, ulimits={"nofile": (1, 2)}, tmpfs=("/t", "/u:size=1m"))
    host = config(options, mounts=(Mount("/a", "/b", read_only=True),))["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["ShmSize"]) == (1_500_000_000, 7, 8)
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    assert host["Tmpfs"] == {"/t": "", "/u": "size=1m"}
    assert host["Mounts"] == [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True}]


def test_labels_are_composes_and_ours() -> None:
    labels = config(labels={"mine": "x"})["Labels"]
    assert labels["mine"] == "x"
    assert labels["com.docker.compose.project"] == "shop"
    assert labels["com.docker.compose.container-number"] == "2"
    assert labels["devctl.instance"] == "order.2"


def test_the_configuration_is_another_when_anything_in_it_or_the_run_is() -> None:
    digests = {
        config()["Labels"]["devctl.config"], config(argv=("x",))["Labels"]["devctl.config"],
        config(Container(user="1"))["Labels"]["devctl.config"],
    }  # fmt: skip
    assert len(digests) == 3
    assert config()["Labels"]["devctl.config"] in digests


def test_the_engine_checks_nothing_where_devctl_does() -> None:
    assert config(is_checked=True)["Healthcheck"] == {"Test": ["NONE"]}


def test_another_signal_than_the_usual_goes_before_the_images() -> None:
    assert config(stop_signal="SIGINT")["StopSignal"] == "SIGINT"
