"""Streamlit components of our own: drawn by small scripts beside them, text only ever as text."""
