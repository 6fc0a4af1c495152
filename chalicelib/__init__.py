"""The service: what lies behind `app.py`. It builds on `invoke_once`, never the other way round."""
