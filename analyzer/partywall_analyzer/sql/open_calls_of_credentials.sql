-- All calls with dirty credentials.
CREATE TABLE {calls_of_credentials:Identifier} ENGINE = Memory AS
SELECT * FROM calls WHERE credential_id IN {dirty_credentials:Identifier}
