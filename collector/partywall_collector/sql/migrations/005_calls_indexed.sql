-- Rows of before are found by them too.
ALTER TABLE calls
    MATERIALIZE INDEX by_request, MATERIALIZE INDEX by_dataset, MATERIALIZE INDEX by_party
SETTINGS mutations_sync = 2
