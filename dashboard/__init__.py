"""The Streamlit dashboard, an HTTP client of the API."""
