"""Encoders of the Hugging Face Hub to choose from; any other one can be named as well.

Sizes, licences and languages are those of the models' pages and cards. The speed is estimated from the
sizes of the layers, compared with MiniLM-L6: up to 2 times its work is fast, up to 4 times medium.
The small Ettin encoders (jhu-clsp) are missing, as their pages list `pytorch_model.bin` as the only weights.
"""

from dataclasses import dataclass
from typing import Literal

Speed = Literal["fast", "medium", "slow"]  # fast: minutes on a CPU; slow: wants a GPU


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An encoder on the Hub.

    Attributes:
        name: on the Hub.
        megabytes: size of the weights, or None if unknown; the other files have up to 15 MB.
        parameters: in millions, with the embeddings.
        languages: as a person says it.
        license: as the Hub spells it.
        reason: when to choose it, one sentence.
        revision: a commit if the weights of the main branch cannot be opened, otherwise "".
    """

    name: str
    title: str
    megabytes: int | None
    parameters: int
    speed: Speed
    languages: str
    license: str
    reason: str
    revision: str = ""


SUGGESTIONS = (
    Suggestion(
        name="sentence-transformers/all-MiniLM-L6-v2",
        title="MiniLM-L6",
        megabytes=91,
        parameters=23,
        speed="fast",
        languages="English",
        license="apache-2.0",
        reason="The first one to try on a CPU.",
    ),
    Suggestion(
        name="BAAI/bge-small-en-v1.5",
        title="BGE small",
        megabytes=133,
        parameters=33,
        speed="fast",
        languages="English",
        license="mit",
        reason="Twice as deep as MiniLM-L6, for a CPU with more time.",
    ),
    Suggestion(
        name="sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        title="Multilingual MiniLM-L12",
        megabytes=471,
        parameters=118,
        speed="fast",
        languages="50 languages",
        license="apache-2.0",
        reason="For texts that are not in English, or in several languages.",
    ),
    Suggestion(
        name="distilbert/distilbert-base-uncased",
        title="DistilBERT base",
        megabytes=268,
        parameters=66,
        speed="medium",
        languages="English",
        license="apache-2.0",
        reason="Half of BERT base, for a patient CPU or a small GPU.",
    ),
    Suggestion(
        name="google-bert/bert-base-uncased",
        title="BERT base",
        megabytes=440,
        parameters=110,
        speed="slow",
        languages="English",
        license="apache-2.0",
        reason="The one that published results are compared with.",
    ),
    Suggestion(
        name="microsoft/deberta-v3-base",
        title="DeBERTa-v3 base",
        megabytes=371,  # in half precision
        parameters=184,
        speed="slow",
        languages="English",
        license="mit",
        reason="For few labels and a GPU: it learns from fewer texts than the others.",
        revision="82d8d18a7b88346261ba15d8b1044900a452cf90",  # refs/pr/4, by the Hub's converter
    ),
    Suggestion(
        name="answerdotai/ModernBERT-base",
        title="ModernBERT base",
        megabytes=None,
        parameters=149,
        speed="slow",
        languages="English",
        license="apache-2.0",
        reason="For long texts and a GPU: it reads up to 8,192 tokens.",
    ),
)
