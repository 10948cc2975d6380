"""`deployer demo`: the main job on this computer."""


def demo() -> None:
    """Run the main job on this computer: a sandbox with a real sshd and a real Apache."""
    from deployer.cli.demonstration import demonstrate

    demonstrate()
