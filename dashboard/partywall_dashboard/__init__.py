"""What an analyst sees: Streamlit pages over the analyzer. No SQL and no graph logic in here."""
