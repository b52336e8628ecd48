"""The SQL of the store, one statement a file: functions, tables and views."""
