"""The network of a fleet: a bridge on this machine, one subnet for each test process."""

import errno
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Self

# One subnet of 4094 addresses a test process: no address is ever used twice in a run.
SUBNETS = tuple(IPv4Network("10.213.0.0/16").subnets(new_prefix=20))
# Devices of one network are one group, so that one command removes them all.
FIRST_GROUP = 21300


@dataclass(frozen=True, slots=True)
class Network:
    """
    A bridge and the claim to it.

    The claim is a socket with an abstract name: binding it succeeds for one process at a time, in
    the same network namespace that the devices live in, and ends with the process however it
    ends. So whoever holds number 3 knows that devices of number 3 are leftovers.
    """

    number: int
    claim: socket.socket

    @classmethod
    def start(cls) -> Self:
        """Remove what dead processes left, and bring up a bridge of our own."""
        _sweep()
        for number in range(len(SUBNETS)):
            if claim := _claim(number):
                network = cls(number, claim)
                network.remove_devices()
                gateway = network.interface(0)
                ip(
                    # An address of its own: otherwise it takes the lowest of its ports, and changes
                    # when a host of an earlier test is gone at last, unknown to all the others.
                    f"link add {network.bridge} address {network.mac} group {network.group}"
                    " type bridge",
                    f"address add {gateway} dev {network.bridge}",
                    f"link set {network.bridge} up",
                )
                return network
        raise RuntimeError(f"{len(SUBNETS)} test processes have a fleet already")

    @property
    def bridge(self) -> str:
        return f"dplfleet{self.number}"

    @property
    def mac(self) -> str:
        return f"06:00:00:00:00:{self.number:02x}"

    @property
    def group(self) -> int:
        return FIRST_GROUP + self.number

    def cable(self, index: int) -> str:
        """Name this machine's end of a host's cable."""
        return f"dpl{self.number}-{index}"

    def interface(self, index: int) -> IPv4Interface:
        """Return the address of the machine (0) or of a host (from 1), with its prefix length."""
        subnet = SUBNETS[self.number]
        return IPv4Interface((subnet[index + 1], subnet.prefixlen))

    def connect(self, index: int, pid: int) -> None:
        """Lay a cable from the bridge to eth0 of the host whose first process has this pid."""
        cable = self.cable(index)
        ip(
            f"link add {cable} group {self.group} type veth peer name eth0 netns {pid}",
            f"link set {cable} master {self.bridge} up",
        )

    def remove_devices(self) -> None:
        if Path("/sys/class/net", self.bridge).exists():
            ip(f"link delete group {self.group}")

    def close(self) -> None:
        self.remove_devices()
        self.claim.close()


def ip(*commands: str) -> None:
    """Run commands of ip(8), all in one process, stopping at the first that fails."""
    argv = [str(shutil.which("ip")), "-batch", "-"]
    text = "".join(f"{command}\n" for command in commands)
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{commands}: {done.stderr}"


def unavailable() -> str:
    """Say why this process cannot have a fleet, or nothing when it can."""
    if os.geteuid() != 0:
        return "a fleet of test hosts needs root"
    needed = ("ip", "sshd", "apache2ctl", "unshare", "nsenter", "sudo")
    if missing := [program for program in needed if not shutil.which(program)]:
        return f"a fleet of test hosts needs {', '.join(missing)}"
    # What init.sh does that a container may forbid.
    trial = (
        "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/r && ip link add type bridge && "
        "mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/r"
    )
    return _failure(["unshare", "--mount", "--net", "--pid", "--uts", "--fork", "sh", "-c", trial])


def _failure(argv: Sequence[str]) -> str:
    tried = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    return f"no fleet of test hosts here: {tried.stderr.strip()}" if tried.returncode else ""


def _claim(number: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0deployer-fleet-{number}")
    except OSError as error:
        claim.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return claim


def _sweep() -> None:
    """Remove the devices of test processes that were killed; their hosts ended with them."""
    for number in range(len(SUBNETS)):
        if claim := _claim(number):
            with claim:
                Network(number, claim).remove_devices()
