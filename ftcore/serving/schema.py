"""What an endpoint reads and writes, and what is wrong with a body in a sentence."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ftcore.serving.limits import EXAMPLE, MAX_CHARACTERS, MAX_TEXTS, Refusal
from ftcore.validation import printable

Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]


class Request(BaseModel):
    """Texts to answer."""

    model_config = ConfigDict(extra="forbid", strict=True)
    texts: list[Text] = Field(max_length=MAX_TEXTS, examples=[["a text", "another"]])


class Prediction(BaseModel):
    """The answer to a text."""

    label: str = Field(
        description="The likeliest label; where a text may have several, all of them."
    )
    labels: list[str] | None = Field(
        None, description="Only where a text may have several: each label above its threshold."
    )
    probabilities: dict[str, float] = Field(
        description="Of each label; at the temperature of the model's calibration, if it has one."
    )


class Response(BaseModel):
    """The answers, in the order of the texts."""

    predictions: list[Prediction]


class Error(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="A sentence that says what is wrong and the way out.")


class Health(BaseModel):
    """How the endpoint is."""

    status: str
    model: str = Field(description="Title of the model.")
    version: str = Field(description="Of Unfreeze.")


def refusal(errors: Sequence[Any]) -> Refusal:
    """Return what to say about the first error that pydantic or FastAPI found in a body."""
    error = errors[0]
    kind, place = error["type"], error["loc"][1:]
    if kind == "json_invalid":
        return Refusal(400, f"The body is no JSON: {EXAMPLE}.")
    if kind == "too_long":
        return Refusal(413, f"There are more than {MAX_TEXTS:,} texts: send them in parts.")
    name = f"Text {place[1] + 1}" if len(place) > 1 else ""
    if kind == "string_too_long":
        return Refusal(
            413, f"{name} has more than {MAX_CHARACTERS:,} characters: send a part of it."
        )
    if kind == "string_unicode":
        return Refusal(422, f"{name} holds half of a character: send valid Unicode.")
    if name:
        return Refusal(422, f"{name} is not a string: {EXAMPLE}.")
    if kind == "extra_forbidden":
        return Refusal(422, f"There is no field {printable(str(place[0]))!r}: {EXAMPLE}.")
    if place:
        fault = "is missing" if kind == "missing" else "is not a list"
        return Refusal(422, f'"texts" {fault}: {EXAMPLE}.')
    return Refusal(422, f"The body is not an object with texts: {EXAMPLE}.")
