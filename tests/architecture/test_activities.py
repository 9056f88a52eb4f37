"""What every activity must say about itself."""

import ast

import pytest

from tests.support.repository import python_files, tree

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _is_activity(function: Function) -> bool:
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    return any(name.partition("(")[0] in {"activity.defn", "defn"} for name in decorators)


ACTIVITIES = {
    f"{path}:{node.name}": ast.get_docstring(node) or ""
    for path in python_files("activities")
    for node in ast.walk(tree(path))
    if isinstance(node, Function) and _is_activity(node)
}


def test_there_are_activities() -> None:
    assert ACTIVITIES != {}


@pytest.mark.parametrize("activity", ACTIVITIES)
@pytest.mark.parametrize("promise", ["Repeat:", "Cancel:"])
def test_an_activity_says_what_a_repeat_and_a_cancel_do(activity: str, promise: str) -> None:
    lines = [line.strip() for line in ACTIVITIES[activity].splitlines()]

    promised = [line for line in lines if line.startswith(promise) and line != promise]

    assert len(promised) == 1, f"{activity} needs one line '{promise} …' in its docstring"


def test_the_input_of_every_activity_is_checked_against_the_accepted_request() -> None:
    """A worker refuses an activity with any other input, so a new activity would never run."""
    inputs = {
        ast.unparse(node.args.args[1].annotation or ast.Constant(None))
        for path in python_files("activities")
        for node in ast.walk(tree(path))
        if isinstance(node, Function) and _is_activity(node)
    }
    checked = {
        node.name
        for path in python_files("activities")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(part, Function) and part.name == "is_ordered_by" for part in node.body)
    }
    assert inputs <= checked
