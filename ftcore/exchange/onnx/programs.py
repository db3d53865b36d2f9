"""The programs beside an exported model: predict.py, and words.py, which splits texts into words."""

from importlib.metadata import version
from pathlib import Path

from ftcore.models.checkpoints import Checkpoint
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.text import normalization
from ftcore.text.word_rules import CURRENT, WordRule

PREDICT, WORDS = "predict.py", "words.py"
_TEMPLATE = Path(__file__).with_name("predict.txt")
_AS_IT_IS = '''"""Splits a text into words."""


def normalize(text):
    return text
'''
_BASIC_ENGLISH = """

# torchtext's basic_english, in its order
_REPLACED = {"'": " '  ", '"': "", ".": " . ", "<br />": " ", ",": " , ", "(": " ( ", ")": " ) "}
_REPLACED |= {"!": " ! ", "?": " ? ", ";": " ", ":": " "}


def tokenize(text):
    line = normalize(text).lower()
    for mark, replacement in _REPLACED.items():
        line = line.replace(mark, replacement)
    return line.split()
"""


def predict() -> str:
    """Return the program that answers texts, the same for every model."""
    return _TEMPLATE.read_text("utf-8")


def requirements(checkpoint: Checkpoint) -> list[str]:
    """The packages that predict.py needs, as installed here."""
    tokenizers = ["tokenizers"] if isinstance(checkpoint.model, EncoderSpec) else []
    return [f"{name}=={version(name)}" for name in ("numpy", "onnxruntime", *tokenizers)]


def words(rule: WordRule) -> str:
    """Return a module whose `tokenize` splits texts as a rule does."""
    current = Path(normalization.__file__).read_text("utf-8")
    return (current if rule is CURRENT else _AS_IT_IS) + _BASIC_ENGLISH
