"""The statements of the analyzer, one a file; `statement("partywall_analyzer.sql", NAME)`."""
