"""The dashboard (`/`) and the reference (`/docs`): static files and how they are served."""

from chalicelib.web.assets import HEADERS, Asset, asset, page, slash_redirect

__all__ = ["HEADERS", "Asset", "asset", "page", "slash_redirect"]
