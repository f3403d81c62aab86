"""What the framework costs by itself: one endpoint that reads its body and does nothing."""

import sys

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response

app = FastAPI()


@app.post("/empty")
async def empty(request: Request) -> Response:
    """Read the body, answer nothing."""
    await request.body()
    return Response(b"{}", 201, None, "application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_config=None)
