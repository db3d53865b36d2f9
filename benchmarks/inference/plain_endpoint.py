"""A plain pipeline of transformers behind FastAPI and uvicorn: python -m … FOLDER PORT.

As one writes it in ten lines: in fp32, a request after the other, batches of 64 in the order of the texts.
"""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

classify = pipeline("text-classification", sys.argv[1], top_k=None, batch_size=64)
app = FastAPI()


class Request(BaseModel):
    texts: list[str]


@app.post("/predict")
def predict(request: Request) -> dict[str, Any]:
    shares = [{each["label"]: each["score"] for each in one} for one in classify(request.texts)]
    return {
        "predictions": [{"label": max(one, key=one.get), "probabilities": one} for one in shares]
    }


@app.get("/health")
def health() -> str:
    return "ok"


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
