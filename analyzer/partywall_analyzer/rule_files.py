"""Reads rules: `NAME.py` with its docstring and `RULE`, and `NAME.sql`, in a package or a folder.

Whatever is wrong with one file is an error with its place, and touches no other rule.
"""

import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from string import Formatter
from types import ModuleType
from typing import Final

from partywall_analyzer.frameworks import titled
from partywall_analyzer.rule import WORDS, Rule, RuleError, raw_table


@dataclass(frozen=True, slots=True)
class Found:
    """The rules of one place, and what is wrong with those that cannot be used."""

    rules: tuple[Rule, ...]
    errors: tuple[RuleError, ...]


@dataclass(frozen=True, slots=True)
class _Files:
    """The two files of a rule: where they lie, and how they are read."""

    name: str
    place: str
    module: Callable[[], ModuleType]
    sql: Callable[[], str]
    sql_place: str

    @property
    def id(self) -> str:
        return self.name.replace("_", "-")


def read_package(package: str, *, sql: str) -> Found:
    """The rules of a package; `sql` is the package in which their statements lie."""
    try:
        place = Path(next(iter(import_module(package).__path__)))
    except Exception as error:  # whatever its author's code raises is the author's to read
        return Found((), (_broke("", package, error),))
    texts = files(sql)
    return _read(
        _Files(
            name,
            f"{place / name}.py",
            lambda name=name: import_module(f"{package}.{name}"),
            lambda name=name: texts.joinpath(f"{name}.sql").read_text("utf-8"),
            f"{texts.joinpath(f'{name}.sql')}",
        )
        for name in _names(place)
    )


def read_folder(folder: Path) -> Found:
    """The rules of a folder that is no package."""
    if not folder.is_dir():
        return Found((), (RuleError("", str(folder), 0, "there is no such folder of rules"),))
    return _read(
        _Files(
            name,
            f"{folder / name}.py",
            lambda name=name: _module(folder / f"{name}.py"),
            lambda name=name: (folder / f"{name}.sql").read_text("utf-8"),
            f"{folder / name}.sql",
        )
        for name in _names(folder)
    )


def _names(folder: Path) -> list[str]:
    found = iter_modules([str(folder)])
    return sorted(each.name for each in found if not each.ispkg and not each.name.startswith("_"))


def _module(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"partywall_rule_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and enums of the file look themselves up there
    spec.loader.exec_module(module)
    return module


def _read(every: Iterator[_Files]) -> Found:
    rules: list[Rule] = []
    errors: list[RuleError] = []
    for each in every:
        try:
            rules.append(_rule(each))
        except RuleError as error:
            errors.append(error)
    return Found(tuple(rules), tuple(errors))


def _rule(each: _Files) -> Rule:
    def refuse(what: str, line: int = 1) -> RuleError:
        return RuleError(each.id, each.place, line, what)

    try:
        module = each.module()
    except Exception as error:  # whatever its author's code raises is the author's to read
        raise _broke(each.id, each.place, error) from error
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, Rule):
        raise refuse("sets no RULE; write RULE = Rule(...)")
    if rule.id != each.id:
        raise refuse(f"the rule is called '{rule.id}'; a file of this name holds '{each.id}'")
    about = module.__doc__ or ""
    if not about.strip():
        raise refuse("has no docstring; say what the rule finds, why, and what it does not see")
    for text in (rule.title, rule.sentence):
        if strange := sorted(_fields(text) - WORDS):
            raise refuse(f"no word {{{strange[0]}}} in a text; known: {', '.join(sorted(WORDS))}")
    try:
        titled(rule.frameworks)
    except KeyError as error:
        raise refuse(f"no framework has the id {error}; docs/rules.md lists them") from None
    return replace(rule, about=about, sql=_statement(each), sql_file=each.sql_place)


def _fields(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return {text}


def _statement(each: _Files) -> str:
    try:
        sql = each.sql()
    except (OSError, UnicodeDecodeError) as error:
        what = f"its statement cannot be read: {error}"
        raise RuleError(each.id, each.sql_place, 0, what) from None
    if raw := raw_table(sql):
        what = f"reads the table {raw[1]}; read an open one, such as {{{raw[1]}:Identifier}}"
        raise RuleError(each.id, each.sql_place, raw[0], what)
    return sql


_KEPT: Final = 300


def _broke(rule: str, place: str, error: Exception) -> RuleError:
    """Where in the file it broke, and how."""
    line = 0
    if isinstance(error, SyntaxError) and error.filename == place:
        line = error.lineno or 0
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno or 0 for f in reversed(frames) if f.filename == place), 0)
    said = " ".join(str(error).split())[:_KEPT]
    return RuleError(rule, place, line, f"{type(error).__name__}: {said}")
