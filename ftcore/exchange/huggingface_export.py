"""A fine-tuned encoder goes out as a folder that transformers opens by itself."""

from pathlib import Path

from ftcore.events import Progress, Task
from ftcore.exchange.huggingface import DEFINITION
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.families import FAMILIES
from ftcore.storage import files


def fault(checkpoint: Checkpoint) -> str:
    """Why transformers cannot open a checkpoint by itself, as a sentence; "" if it can."""
    spec = checkpoint.model
    if not isinstance(spec, EncoderSpec):
        return "Only encoders have a form that transformers opens; choose another format."
    if not checkpoint.labels:
        return f"{checkpoint.title} has no last layer yet: fine-tune it first."
    if spec.pooling != "first":
        return (
            f"{checkpoint.title} classifies the mean over its tokens, for which {spec.family} has no class "
            "in transformers: train it with --pooling first."
        )
    return ""


def write(ref: str, target: Path) -> Task[Path]:
    """Write a fine-tuned encoder without a `fault` as a new folder that transformers opens by itself."""
    checkpoint = checkpoints.find(ref)
    spec = checkpoint.model
    assert isinstance(spec, EncoderSpec)
    yield Progress("reading", 0, None, "weights")
    from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

    from ftcore.text.subwords import SubwordTokenizer

    model = checkpoint_files.load_model(checkpoint, beside=True)
    tokenizer = checkpoint_files.load_tokenizer(checkpoint)
    assert isinstance(tokenizer, SubwordTokenizer)  # an encoder's
    names = dict(enumerate(checkpoint.labels))
    several = {"problem_type": "multi_label_classification"} if checkpoint.thresholds else {}
    config = AutoConfig.for_model(
        spec.family,
        **spec.config,
        **several,
        id2label=names,
        label2id={label: number for number, label in names.items()},
    )
    exported = AutoModelForSequenceClassification.from_config(config)  # type: ignore[no-untyped-call]
    exported.load_state_dict(
        {_hub_name(spec.family, name): weight for name, weight in model.state_dict().items()}
    )
    start, end = (tokenizer.piece(ids[0]) for ids in (tokenizer.frame.start, tokenizer.frame.end))
    yield Progress("saving", 0, None, "weights")
    with files.new_folder(target) as staging:
        exported.save_pretrained(staging)
        definition = tokenizer.files()[DEFINITION]
        files.write(staging / DEFINITION, definition)
        PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_file=str(staging / DEFINITION),
            pad_token=tokenizer.piece(spec.pad),
            cls_token=start,
            sep_token=end,
            model_max_length=checkpoint.max_length,
        ).save_pretrained(staging)
        files.write(staging / checkpoints.CARD, _card(checkpoint).encode())
    return target


def _hub_name(family: str, name: str) -> str:
    """The name in the family's classification class of a weight of an EncoderClassifier."""
    parts = FAMILIES[family]
    part, _, rest = name.partition(".")
    if part == "body":
        return f"{parts.prefix}.{rest}"
    module, _, rest = rest.partition(".")
    path = next(path for path in parts.head if path.rpartition(".")[2] == module)
    return f"{path}.{rest}"


def _thresholds(checkpoint: Checkpoint) -> str:
    """A line on the labels that count as answered; "" if a text has one."""
    pairs = zip(checkpoint.labels, checkpoint.thresholds, strict=False)
    listed = ", ".join(f"{label} {threshold:.3f}" for label, threshold in pairs)
    line = "\n- A text has every label whose probability is at least its threshold"
    return f"{line} (`top_k=None` shows all): {listed}." if listed else ""


def _card(checkpoint: Checkpoint) -> str:
    accuracy = checkpoint.metrics.get("test_accuracy")
    measured = "not measured" if accuracy is None else f"{accuracy:.1%} on the test texts"
    return f"""---
pipeline_tag: text-classification
library_name: transformers
---

# {checkpoint.title}

- Fine-tuned with Unfreeze on {checkpoint.dataset}, from {checkpoint.parent or "nothing"}.
- Classes: {", ".join(checkpoint.labels)}. Accuracy: {measured}.{_thresholds(checkpoint)}
- Unfreeze reads {checkpoint.max_length} tokens of a text, of a longer one also its end; `pipeline`
  reads the start alone, so its answers about longer texts differ.

```python
from transformers import pipeline

pipeline("text-classification", "THIS FOLDER")("a text", truncation=True)
```
"""
