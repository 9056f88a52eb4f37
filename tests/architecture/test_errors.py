"""The error tree that is drawn is the error tree there is."""

import itertools

from deployments import errors


def _drawn() -> dict[str, str]:
    """Each class of the drawing with the class above it, "" for the root."""
    _, found, drawing = (errors.__doc__ or "").partition("Tree:\n")
    assert found, "the docstring of deployments/errors.py has a line 'Tree:'"
    lines = list(itertools.takewhile(str.strip, drawing.lstrip("\n").splitlines()))
    margin = len(lines[0]) - len(lines[0].lstrip())
    above: list[str] = []
    parents: dict[str, str] = {}
    for line in lines:
        depth, odd = divmod(len(line) - len(line.lstrip()) - margin, 2)
        assert not odd, f"two spaces a level: {line!r}"
        name = line.split()[0]
        parents[name] = above[depth - 1] if depth else ""
        above[depth:] = [name]
    return parents


def _real() -> dict[str, str]:
    """Each exception class of the module with its base, "" for the root."""
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, BaseException)
        and value.__module__ == errors.__name__
    ]
    return {
        cls.__name__: cls.__base__.__name__ if cls.__base__ in classes else "" for cls in classes
    }


def test_the_error_tree_in_the_docstring_is_the_real_one() -> None:
    assert _drawn() == _real()


def test_there_is_one_error_tree() -> None:
    assert [name for name, parent in _real().items() if not parent] == ["AnavaError"]
