"""How texts fit a checkpoint: what it reads of their lengths, and what of them its tokenizer knows."""

from collections.abc import Sequence

from ftcore.data.findings import model_fit
from ftcore.data.findings.finding import Finding
from ftcore.events import Task
from ftcore.models import checkpoint_files
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.encoder_spec import EncoderSpec

SAMPLE = 2000  # texts that are tokenized, evenly spread


def examine(checkpoint: Checkpoint, texts: Sequence[str]) -> Task[tuple[Finding, ...]]:
    """Return what speaks against a checkpoint for these texts; nothing is known of single ones."""
    from ftcore.text import coverage  # imports torch

    sample = texts[:: max(1, len(texts) // SAMPLE)]
    counts = yield from coverage.measure(checkpoint_files.load_tokenizer(checkpoint), sample)
    tokens, unknown, words = (
        int(each.sum()) for each in (counts.lengths, counts.unknown, counts.words)
    )
    unit = "pieces of words" if isinstance(checkpoint.model, EncoderSpec) else "words"
    findings = (
        model_fit.long_texts(counts.lengths, checkpoint.model.max_length, unit),
        model_fit.unknown_tokens(unknown, tokens, unit),
        model_fit.split_words(tokens, words),
    )
    return tuple(finding for finding in findings if finding)
