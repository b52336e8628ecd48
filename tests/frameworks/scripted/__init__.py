"""Agents of real frameworks whose models are scripted: everything else is what a user runs.

Each module gives `instrument`, `uninstrument`, `run` and (where the framework has it) `stream`: one
run of the agent `agent-WHO`, whose model calls the given tool once and then answers.
"""
