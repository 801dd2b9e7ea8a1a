"""Evaluate one definition of a module without importing the module.

The options of an encoder stand beside its `nn.Module`, and importing torch to read params.yaml would cost seconds. So a
definition is looked up in the module's syntax tree and executed alone, after the definitions that it names, in a
namespace of its own. Imports of the standard library, of pydantic and of `isogloss.config` are real ones; a name
imported from any other module is evaluated there in the same way.

A class that is read so is a copy of the one that an import makes: same fields, same documentation, another object.
"""

import ast
import importlib.util
import sys
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from isogloss.errors import ParamsError

LIGHT = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "annotated_types"}
"""Packages that are imported in the normal way, as are `LIGHT_MODULES`; of all others the source is read."""
LIGHT_MODULES = ("isogloss.config", "isogloss.errors")


def evaluate(module: str, name: str) -> Any:
    """The value that `module.name` has once the module is imported, for a definition at the top of the module.

    Raises
    ------
    ParamsError
        There is no such module or definition, or it uses what cannot be had without importing more than is light.
    """
    return _source(module).value(name)


def source_file(module: str) -> Path:
    """The file of a module; no package that holds it is executed.

    Raises
    ------
    ParamsError
        There is no such module, or it is not written in Python.
    """
    top, *parts = module.split(".")
    spec = importlib.util.find_spec(top)
    name = top
    for part in parts:
        name = f"{name}.{part}"
        spec = _below(spec, name)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise ParamsError(f"there is no Python module {module!r}; check the entry point or the import that names it")
    return Path(spec.origin)


def _below(package: ModuleSpec | None, name: str) -> ModuleSpec | None:
    """A module in the folders of a package."""
    if package is None or package.submodule_search_locations is None:
        return None
    return PathFinder.find_spec(name, list(package.submodule_search_locations))


@cache
def _source(module: str) -> "_Source":
    """The source of a module, parsed once a process."""
    return _Source(module, source_file(module))


class _Source:
    """A module's definitions, and the values of those that were asked for."""

    def __init__(self, module: str, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = {"__name__": module, "__file__": str(path)}
        self._definitions: dict[str, ast.stmt] = {}
        for statement in _parsed(path).body:
            for name in _names(statement):
                self._definitions[name] = statement

    def value(self, name: str) -> Any:
        """The value of a name, evaluated with what it needs the first time."""
        if name not in self.values:
            if name not in self._definitions:
                raise ParamsError(f"{self.path}: {name} is not defined at the top of the module")
            statement = self._definitions[name]
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.values[name] = self._imported(statement, name)
            else:
                self._execute(statement)
        return self.values[name]

    def _at(self, statement: ast.stmt) -> str:
        """Where a statement stands, for messages."""
        return f"{self.path}, line {statement.lineno}"

    def _execute(self, statement: ast.stmt) -> None:
        """Run one definition, after those that it names."""
        own = set(_names(statement))
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id in self._definitions and node.id not in own:
                self.value(node.id)
        code = compile(ast.Module([statement], []), str(self.path), "exec", dont_inherit=True)
        try:
            exec(code, self.values)
        except ParamsError:
            raise
        except Exception as error:
            cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise ParamsError(
                f"{self._at(statement)}: {', '.join(sorted(own))} cannot be read without importing the module; {cause}"
            ) from error

    def _imported(self, statement: ast.Import | ast.ImportFrom, name: str) -> Any:
        """What an import of the module binds to a name."""
        (alias,) = [alias for alias in statement.names if _bound(alias) == name]
        module, attribute = alias.name, None
        if isinstance(statement, ast.ImportFrom):
            module, attribute = statement.module or "", alias.name
            if statement.level:
                raise ParamsError(f"{self._at(statement)}: write the import of {name} in full, not from .")
        if module.split(".")[0] in LIGHT or any(module == m or module.startswith(f"{m}.") for m in LIGHT_MODULES):
            return self._really_imported(module, attribute, statement)
        if attribute is None:
            raise ParamsError(
                f"{self._at(statement)}: what a component declares uses {module}, but it may only use the standard "
                "library, pydantic and isogloss.config, since params.yaml is read without importing the rest"
            )
        try:
            return evaluate(module, attribute)
        except ParamsError as error:
            raise ParamsError(f"{self._at(statement)}: {name} of {module}: {error}") from None

    def _really_imported(self, module: str, attribute: str | None, statement: ast.stmt) -> Any:
        """Import a light module; `import a.b` binds a, `from a import b` binds b."""
        imported = import_module(module)
        if attribute is None:
            return imported if "." not in module else import_module(module.split(".")[0])
        if not hasattr(imported, attribute):
            raise ParamsError(f"{self._at(statement)}: there is no {attribute} in {module}")
        return getattr(imported, attribute)


def _parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise ParamsError(f"{path} is not valid Python: {error}") from None


def _names(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module binds."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [_bound(alias) for alias in statement.names]
    return []


def _bound(alias: ast.alias) -> str:
    """The name that an import binds."""
    return alias.asname or alias.name.split(".")[0]
