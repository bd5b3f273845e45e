"""What commands take, declared once: Typer's help and messages come of it, and the quick way in."""

from __future__ import annotations

import inspect
import os
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from ucompress.cli.failing import remember

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Command = Callable[..., None]


ALONE = ("-", ":memory:")
"""Words that mean something else than a path; a path that comes down to one of them is spelled otherwise."""


MOST = (1 << 53) - 1
"""The largest number that options take: databases and every reader of JSON have it exactly."""


class Argument(NamedTuple):
    """A word at its place.

    Attributes:
        metavar: what it is called.
        help: what it is.
    """

    metavar: str
    help: str


class Option:
    """A word with dashes, alone or before its value.

    Args:
        names: how it is spelled; a flag that can also be denied as `--flag/--no-flag`.
        help: what it does.
        metavar: what its value is called; None for a flag, or where the choices tell.
        min, max: the smallest and the largest number that it takes; with the former alone, `MOST`.
        folder: whether a path is a folder's; others are of files.
    """

    __slots__ = ("folder", "help", "max", "metavar", "min", "names")

    def __init__(
        self,
        *names: str,
        help: str,
        metavar: str | None = None,
        min: int | None = None,
        max: int | None = None,
        folder: bool = False,
    ) -> None:
        self.names = names
        self.help = help
        self.metavar = metavar
        self.min = min
        self.max = MOST if max is None and min is not None else max
        self.folder = folder

    def spellings(self) -> dict[str, bool]:
        """Each word that gives the option, and what it means for a flag."""
        told = {}
        for name in self.names:
            given, slash, denied = name.partition("/")
            told[given] = True
            if slash:
                told[denied] = False
        return told

    def refuses(self, text: str) -> str | None:
        """Why a word is no number that the option takes; None if it is one."""
        try:
            number = int(text)
        except ValueError:
            return f"{text} is no whole number"
        if self.min is not None and number < self.min:
            return f"{text} is less than {self.min}"
        if self.max is not None and number > self.max:
            return f"{text} is more than {self.max}"
        return None


class _Parameter(NamedTuple):
    """A parameter of a command, its type told apart: `values` is what each word becomes."""

    name: str
    declared: Argument | Option
    values: Any
    is_list: bool
    required: bool


def for_typer(command: Command) -> Command:
    """The command with its declarations in Typer's terms."""
    import typer

    def translated(annotation: Any) -> Any:
        kind, declared = get_args(annotation)
        values, is_list = _taken(kind)
        ours = values in (Path, int) or (values is str and isinstance(declared, Argument))

        def parsed(text: Any) -> Any:
            word = str(text) if values is int else os.fspath(text)  # a default is a number already
            if problem := _problem(declared, values, word):
                raise typer.BadParameter(problem)
            return path_of(text) if values is Path else values(text)

        parsed.__name__ = "path" if values is Path else "text"  # help shows it
        parser = parsed if ours else None
        if isinstance(declared, Argument):
            metavar = f"{declared.metavar}..." if is_list else declared.metavar
            return Annotated[kind, typer.Argument(metavar=metavar, help=declared.help, parser=parser)]
        first, *others = declared.names
        option = typer.Option(
            first,
            *others,
            metavar=declared.metavar,
            help=declared.help,
            parser=parser,
        )
        return Annotated[kind, option]

    @wraps(command)
    def called(**values: Any) -> None:
        remember(values)
        command(**values)

    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    parameters = [
        parameter.replace(annotation=translated(hints[name]))
        for name, parameter in signature.parameters.items()
    ]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(called)["__signature__"] = signature.replace(parameters=parameters, return_annotation=None)
    return called


def plainly_meant(command: Command, words: Sequence[str]) -> dict[str, Any] | None:
    """The arguments of a command, where words say them in the plainest way; None is for Typer to answer.

    Loading Typer and what it checks values with takes longer than most commands. Nothing is refused here:
    unknown options, values out of range, short options in one word, `--help`, all of that is Typer's.
    """
    parameters = _parameters(command)
    options = {
        name: (parameter, meaning)
        for parameter in parameters
        if isinstance(parameter.declared, Option)
        for name, meaning in parameter.declared.spellings().items()
    }
    given: dict[str, Any] = {}
    places: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-") or word == "-":
            places.append(word)
            continue
        name, equals, text = word.partition("=")
        if name not in options or (equals and not name.startswith("--")):
            return None
        parameter, meaning = options[name]
        if parameter.values is bool:
            if equals:
                return None
            given[parameter.name] = meaning
            continue
        if not equals:
            text = next(rest, "")
            if text.startswith("-") and text != "-":
                return None
        if not _put(given, parameter, text):
            return None
    return given if _place(given, parameters, places) else None


def valued_options(command: Command) -> set[str]:
    """All spellings of a command's options that take a value."""
    return {
        name
        for parameter in _parameters(command)
        if isinstance(parameter.declared, Option) and parameter.values is not bool
        for name in parameter.declared.spellings()
    }


def _place(given: dict[str, Any], parameters: list[_Parameter], places: list[str]) -> bool:
    """Give arguments their words; false if there are too few or too many."""
    for parameter in parameters:
        if isinstance(parameter.declared, Argument):
            taken = len(places) if parameter.is_list else min(1, len(places))
            if not all(_put(given, parameter, text) for text in places[:taken]):
                return False
            places = places[taken:]
        if parameter.required and parameter.name not in given:
            return False
    return not places


def _put(given: dict[str, Any], parameter: _Parameter, text: str) -> bool:
    """Enter a value; false where it is not plain what it is."""
    value: Any = text
    if not text or _problem(parameter.declared, parameter.values, text):
        return False
    if parameter.values is int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            return False
        value = int(text)
    elif parameter.values is Path:
        value = path_of(text)
    elif parameter.values is not str:
        return False
    if parameter.is_list:
        given.setdefault(parameter.name, []).append(value)
    else:
        given[parameter.name] = value
    return True


def _parameters(command: Command) -> list[_Parameter]:
    hints = get_type_hints(command, include_extras=True)
    found = []
    for name, parameter in inspect.signature(command).parameters.items():
        kind, declared = get_args(hints[name])
        values, is_list = _taken(kind)
        found.append(_Parameter(name, declared, values, is_list, parameter.default is parameter.empty))
    return found


def _taken(kind: Any) -> tuple[Any, bool]:
    """What each word of a parameter becomes, and whether it takes several."""
    if type(None) in get_args(kind):
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    return (get_args(kind)[0], True) if get_origin(kind) is list else (kind, False)


def path_of(word: str | os.PathLike[str]) -> Path:
    """The path that a word names: `./-` names a file, and only `-` is standard input or output."""
    text = os.fspath(word)
    path = Path(text)
    return path.absolute() if str(path) in ALONE and text not in ALONE else path


def _problem(declared: Argument | Option, values: Any, text: str) -> str | None:
    """Why a word cannot say what it is to say: it is no number, or `Path` would take it for something else.

    An empty word, as a variable that is not set leaves it, would be the current folder.
    """
    if not text:
        return "it is empty, and would name nothing"
    if values is int and isinstance(declared, Option):
        return declared.refuses(text)
    file = values is Path and isinstance(declared, Option) and not declared.folder
    if file and text.endswith(("/", os.sep)):
        return f"{text} ends as only a folder's name does: name a file"
    argument = values is Path and isinstance(declared, Argument)
    if argument and text.endswith("/") and Path(text).is_symlink():
        return f"{text} is a link, which is not followed: name what it leads to, {os.path.realpath(text)}"
    return None
