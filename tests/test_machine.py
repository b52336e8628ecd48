"""What each part of the collector may take follows from the memory that there is."""

from partywall_collector.machine import MIB, load_bytes, reader_bytes, segment_bytes


def test_a_segment_is_as_large_as_the_memory_allows() -> None:
    """Its load takes six times its size: of a small machine's memory a fifth, never all of it."""
    sizes = [segment_bytes(load_bytes(gib << 10 << 20)) // MIB for gib in (0, 1, 2, 4, 8, 64)]
    assert sizes == [32, 32, 64, 128, 192, 192]


def test_a_load_may_have_a_quarter_of_the_memory() -> None:
    """A bound for the engine: more than a segment takes, and never all there is."""
    sizes = [load_bytes(gib << 10 << 20) // MIB for gib in (0, 1, 2, 4, 64)]
    assert sizes == [256, 256, 512, 1024, 16384]


def test_a_tenants_statement_may_have_a_sixteenth_of_the_memory() -> None:
    """Neither so little that nothing is answered, nor what loading needs."""
    sizes = [reader_bytes(gib << 30) >> 20 for gib in (0, 1, 4, 16, 64)]
    assert sizes == [256, 256, 256, 1024, 2048]
