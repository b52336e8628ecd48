"""The demo: three customers of one provider, their agents, and a note in an attachment."""
