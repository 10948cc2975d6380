"""Rendered files, one after the other."""

from collections.abc import Mapping

from deployer.report import console


def show(rendered: Mapping[str, Mapping[str, str]]) -> None:
    """Print every file after a line with its host and path, which is a comment to Apache."""
    for host, files in rendered.items():
        for path in sorted(files):
            console.data(f"# ==> {host}: {path}")
            console.data(files[path])
