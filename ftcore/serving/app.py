"""The paths of an endpoint, and what each answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request as HttpRequest, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from ftcore import __version__
from ftcore.errors import user_message
from ftcore.inference import text_model
from ftcore.inference.text_model import TextModel
from ftcore.serving import limits, page, schema
from ftcore.serving.batching import Batcher
from ftcore.serving.guard import Guard
from ftcore.serving.limits import EXAMPLE, Refusal, Refused
from ftcore.serving.metrics import CONTENT_TYPE, Metrics

_MEANINGS = {
    400: "The body is no JSON.",
    401: "The key is missing or wrong.",
    408: "The body arrived too slowly.",
    413: "Too many texts, too long a text, or too large a body.",
    415: "The body is no JSON by its headers, or compressed.",
    422: "The JSON is not what is asked for, or a text is empty.",
    503: "Too many requests at a time, or it took too long.",
}
_SENTENCES = {
    400: f"The body is no JSON: {EXAMPLE}.",
    404: "There is no such path: POST to /predict, or open / for all paths.",
    405: "This path has no such method: POST to /predict, GET the others.",
}


def create(model: TextModel, key: str) -> ASGIApp:
    """Return the endpoint of a model; `key`: what callers have to send, "" for none."""
    batcher, metrics = Batcher(model), Metrics(model)
    content, headers = page.render(model, bool(key))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with batcher:
            yield

    app = FastAPI(
        title=f"Unfreeze: {model.title}",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # their scripts come from the network
        redoc_url=None,
        redirect_slashes=False,  # to another path, without a sentence
    )
    # For openapi.json; `Guard` checks the key before a body is read.
    secured = [Security(HTTPBearer(auto_error=False))] if key else []
    statuses = {
        status: {"description": text, "model": schema.Error} for status, text in _MEANINGS.items()
    }
    answers_text = "The answers, in the order of the texts."
    options: dict[str, Any] = {
        "response_description": answers_text,
        "dependencies": secured,
        "responses": statuses,
    }

    @app.post("/predict", response_model_exclude_none=True, **options)
    async def predict(request: schema.Request) -> schema.Response:
        """Classify texts."""
        for number, text in enumerate(request.texts, start=1):
            if not text.strip():
                sentence = f"Text {number} is empty: send at least one word."
                raise Refused(Refusal(422, sentence))
        try:
            async with asyncio.timeout(limits.ANSWER_SECONDS):
                scored = await batcher.score(request.texts)
        except TimeoutError:
            raise Refused(limits.TOO_LATE) from None
        answers = text_model.answers_of(model, scored.scores)
        metrics.answered(scored, answers)
        return schema.Response(
            predictions=[
                schema.Prediction(
                    label=name,
                    labels=labels if model.thresholds else None,
                    probabilities=dict(zip(model.labels, shares, strict=True)),
                )
                for name, labels, shares in zip(
                    answers.names, answers.labels, answers.probabilities.tolist(), strict=True
                )
            ]
        )

    @app.get("/health")
    async def health() -> schema.Health:
        """Say that texts are answered."""
        return schema.Health(status="ok", model=model.title, version=__version__)

    @app.get("/metrics", response_class=PlainTextResponse, dependencies=secured)
    async def counts() -> PlainTextResponse:
        """Count answers, unsure ones, unknown words, lengths and latencies for Prometheus."""
        return PlainTextResponse(metrics.text(batcher.waiting), media_type=CONTENT_TYPE)

    @app.get("/", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(content, headers=headers)

    @app.exception_handler(Refused)
    async def refuse(_: HttpRequest, refused: Refused) -> JSONResponse:
        return refused.refusal.response

    @app.exception_handler(RequestValidationError)
    async def refuse_body(_: HttpRequest, error: RequestValidationError) -> JSONResponse:
        return schema.refusal(error.errors()).response

    @app.exception_handler(HTTPException)
    async def refuse_path(_: HttpRequest, error: HTTPException) -> JSONResponse:
        sentence = _SENTENCES.get(error.status_code, error.detail)
        return Refusal(error.status_code, sentence, dict(error.headers or {})).response

    @app.exception_handler(Exception)
    async def fail(_: HttpRequest, error: Exception) -> JSONResponse:
        sentence = user_message(error) or "The endpoint failed: its log says why."
        return Refusal(500, sentence).response  # and uvicorn logs it

    return Guard(app, key, metrics.request)
