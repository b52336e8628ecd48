"""What each package offers is written down in `__all__`, sorted, and nothing else lies about."""

import importlib
from types import ModuleType

import pytest

PACKAGES = ["partywall", "partywall_collector", "partywall_analyzer", "partywall_dashboard"]

LAZY = {"TYPE_CHECKING", "import_module"}
"""What a package needs that imports its names when they are first used."""


def public(module: ModuleType) -> set[str]:
    """The names without an underscore that the package's own code brought in."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_the_public_face_is_what_all_says(package: str) -> None:
    """A name that is added, or imported and left lying about, changes this list knowingly."""
    module = importlib.import_module(package)
    promised: list[str] = list(getattr(module, "__all__", ()))
    # Constants, classes, functions: the order that the linter asks for.
    assert promised == sorted(promised, key=lambda name: (not name.isupper(), name))
    assert public(module) - LAZY <= set(promised)
    assert all(hasattr(module, name) for name in promised)


def test_the_agents_face_is_this() -> None:
    """The names that agents' code relies on."""
    import partywall

    assert partywall.__all__ == [
        "BindingError",
        "CredentialError",
        "InstrumentError",
        "PartywallError",
        "PolicyDenied",
        "Session",
        "approval",
        "bind",
        "credential",
        "current_session",
        "dataset",
        "decision",
        "environment",
        "extract",
        "handoff",
        "inject",
        "instrument",
        "session",
        "tool",
    ]


def test_every_public_name_explains_itself() -> None:
    for package in PACKAGES:
        module = importlib.import_module(package)
        assert module.__doc__
        for name in getattr(module, "__all__", ()):
            assert getattr(module, name).__doc__, f"{package}.{name}"


def test_errors_can_be_caught_together() -> None:
    import partywall

    assert issubclass(partywall.BindingError, partywall.PartywallError)
    assert issubclass(partywall.InstrumentError, partywall.PartywallError)
