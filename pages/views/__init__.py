"""One script per page, drawn by `st.navigation` in app.py."""
