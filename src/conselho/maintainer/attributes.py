"""What do `.gitattributes` and `.editorconfig` say about the files of a directory?"""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping

from conselho.analyses import languages
from conselho.maintainer import editorconfig, permitted
from conselho.maintainer.permitted import Wishes
from conselho.maintainer.tree import Tree
from conselho.projects import git as programs


def wishes(tree: Tree, paths: Iterable[bytes]) -> dict[bytes, Wishes]:
    """What is asked for, of each of these files. Raises: errors.Conflict, errors.Unavailable."""
    asked = list(paths)
    of_git = _git_attributes(tree, asked)
    files = _editorconfigs(tree)
    return {path: permitted.wishes(of_git.get(path, {}), editorconfig.asked_for(path, files)) for path in asked}


def _editorconfigs(tree: Tree) -> dict[str, editorconfig.File]:
    found = {}
    for path in tree.files.files:
        if languages.name(path) == editorconfig.NAME:
            file = editorconfig.parse(path, tree.peek(path))
            found[file.folder] = file
    return found


def _git_attributes(tree: Tree, paths: list[bytes]) -> Mapping[bytes, Mapping[str, str]]:
    """As git itself reads them."""
    found: dict[bytes, dict[str, str]] = defaultdict(dict)
    if tree.git is None:
        return found
    with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as told:
        names.writelines(tree.below + path + b"\0" for path in paths)
        names.seek(0)
        tree.git.run("check-attr", "-z", "--stdin", *permitted.ATTRIBUTES, stdin=names, stdout=told)
        fields = programs.fields(told)
        for path, name, value in zip(fields, fields, fields, strict=True):
            found[path.removeprefix(tree.below)][name.decode()] = value.decode("utf-8", "replace")
    return found
