"""Commands of the base install; each module has `main(argv) -> int`."""
