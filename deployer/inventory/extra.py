"""
Variables of the command line: `-e key=value`, `-e '{"key": ["value"]}'` and `-e @file.yml`.

They win over everything that any file says.
"""

import shlex

from deployer.inventory.document import read_document
from deployer.inventory.draft import Draft
from deployer.inventory.place import InventoryError, Located, Place
from deployer.inventory.sources import COMMAND_LINE, SourceFile, opened
from deployer.inventory.yaml_inventory import read_variables


def read_extra(source: SourceFile, draft: Draft) -> dict[str, Located]:
    """Read one `-e`; pairs are texts, as in Ansible, and YAML keeps its types."""
    if source.path != COMMAND_LINE or source.text.lstrip().startswith(("{", "[")):
        return read_variable_file(source, draft)
    try:
        words = shlex.split(source.text)
    except ValueError as error:
        draft.problem(Place(COMMAND_LINE, 1), f"cannot be split into words: {error}")
        return {}
    variables = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            variables[name] = Located(value, Place(COMMAND_LINE, 1))
        else:
            draft.problem(Place(COMMAND_LINE, 1), f"{name!r} is not of the form name=value")
    return variables


def read_variable_file(source: SourceFile, draft: Draft) -> dict[str, Located]:
    """Read a file of `group_vars`, `host_vars` or `-e @`."""
    try:
        document = read_document(opened(source, draft.vault), draft.loss)
    except InventoryError as error:
        draft.problems += error.problems
        return {}
    return read_variables(document, "the file", draft)
