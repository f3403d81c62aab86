"""``/docs``: the documentation to read and to try, served whole from here, so that it works without a network."""

import base64
from functools import cache
from hashlib import sha256
from importlib import resources

from fastapi import APIRouter
from starlette.responses import Response

from api.problems import NoSuchResource

router = APIRouter(include_in_schema=False)

_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_START = """
window.ui = SwaggerUIBundle({
  url: "openapi.json", dom_id: "#docs", deepLinking: true, filter: true, docExpansion: "none",
  persistAuthorization: false, displayRequestDuration: true, defaultModelsExpandDepth: 0, validatorUrl: null
});
"""
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Khaywe API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>{_START}</script>
</body>
</html>
"""
_HASH = base64.b64encode(sha256(_START.encode()).digest()).decode()
_SAFE = {"X-Content-Type-Options": "nosniff"}
_POLICY = {
    # Swagger UI sets style attributes and draws its icons from data; scripts come from here, or are the one above.
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src 'self'; "
    f"style-src 'self' 'unsafe-inline'; script-src 'self' 'sha256-{_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@router.get("/docs")
async def page() -> Response:
    """Return the page; its Authorize button takes a key."""
    return Response(_PAGE, headers=_SAFE | _POLICY, media_type="text/html")


@router.get("/docs/{name}")
def file(name: str) -> Response:
    """Return a file of Swagger UI."""
    if name not in _FILES:
        raise NoSuchResource("There is no such file; the documentation is at /docs.")
    return Response(_content(name), headers=_SAFE | {"Cache-Control": "max-age=86400"}, media_type=_FILES[name])


@cache
def _content(name: str) -> bytes:
    return resources.files("fastapi_swagger.resources").joinpath(name).read_bytes()
