"""What the registry knew at a time, of some names or of the patterns that may match some."""

from collections.abc import Iterator

import pytest

from partywall_collector.registry import DatasetOwner, Registry, Tenant
from partywall_collector.registry.load import known, write
from partywall_collector.registry.retire import retire
from partywall_collector.store import Store, open_store

PATTERNS = (
    *("crm/acme/*", "crm/acme/contacts", "crm/*/contacts", "crm/[af]*", "crm/?cme/*", "*"),
    *(
        "regex:^crm/(acme|fjord)/.*$",
        "regex:^.*contacts$",
        "s3://acme/*",
        "CRM/acme/*",
        "crm/b[a-c]d",
    ),
)
NAMES = (
    *("crm/acme/contacts", "crm/acme/deals", "crm/fjord/contacts", "CRM/acme/contacts"),
    *("crm/bbd", "s3://acme/x", "regex:crm", "", "*", "crm/", "crm/[af]x"),
)


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store in which each pattern has an owner of its own."""
    owners = [
        DatasetOwner(pattern=pattern, owner=f"t{number}") for number, pattern in enumerate(PATTERNS)
    ]
    tenants = [Tenant(id=f"t{number}") for number in range(len(PATTERNS))]
    with open_store(f"chdb://{tmp_path_factory.mktemp('known') / 'home'}", role="owner") as store:
        write([*tenants, *owners], store)
        yield store


@pytest.mark.parametrize("retired", [(), ("crm/acme/contacts", "regex:^.*contacts$", "*")])
def test_the_patterns_that_may_match_give_each_name_the_owner_that_all_give(
    store: Store, retired: tuple[str, ...]
) -> None:
    """Globs with any sign, regular expressions, exact names, and those that were taken back."""
    there = known(store, DatasetOwner)
    retire(store, {owner: at for owner, at in there.items() if owner.pattern in retired})
    every = Registry(known(store, DatasetOwner))
    for name in NAMES:
        some = Registry(known(store, DatasetOwner, matching=[name]))
        assert some.owner(name) == every.owner(name), name
    together = Registry(known(store, DatasetOwner, matching=NAMES))
    assert [together.owner(name) for name in NAMES] == [every.owner(name) for name in NAMES]


def test_of_many_patterns_those_that_cannot_match_are_not_read(store: Store) -> None:
    """A look-up costs what it names, not what the registry holds."""
    read = {owner.pattern for owner in known(store, DatasetOwner, matching=["s3://acme/x"])}
    assert read == {"*", "s3://acme/*", *(p for p in PATTERNS if p.startswith("regex:"))}
