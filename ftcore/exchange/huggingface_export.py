"""A fine-tuned encoder goes out as a folder that transformers opens by itself."""

from pathlib import Path

from ftcore.events import Progress, Task
from ftcore.exchange import model_card
from ftcore.exchange.huggingface import DEFINITION
from ftcore.models import calibration, checkpoint_files, checkpoints, hub_upload
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.families import FAMILIES
from ftcore.storage import files, scratch


def unfit(checkpoint: Checkpoint) -> str:
    """Why transformers cannot open a checkpoint by itself, as a sentence; "" if it can."""
    spec = checkpoint.model
    if not isinstance(spec, EncoderSpec):
        return "Only encoders have a form that transformers opens; choose another format."
    if spec.pooling != "first":
        return (
            f"{checkpoint.title} classifies the mean over its tokens, for which {spec.family} has no class "
            "in transformers: take it away as ONNX, or train it with the pooling first."
        )
    return ""


def write(ref: str, target: Path) -> Task[Path]:
    """Write a fine-tuned encoder that is not `unfit` as a new folder that transformers opens by itself."""
    checkpoint = checkpoints.find(ref)
    spec = checkpoint.model
    assert isinstance(spec, EncoderSpec)
    yield Progress("reading", 0, None, "weights")
    from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

    from ftcore.text.subwords import SubwordTokenizer

    model = checkpoint_files.load_model(checkpoint, beside=True)
    if calibrated := calibration.read(checkpoint):
        model.last_layer.weight.data /= calibrated.temperature
        model.last_layer.bias.data /= calibrated.temperature
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
        card = model_card.card(checkpoint, _usage(checkpoint), "transformers")
        files.write(staging / checkpoints.CARD, card.encode())
    return target


def push(ref: str, name: str, private: bool, token: str = "") -> Task[str]:
    """Push a fine-tuned encoder that is not `unfit` to the Hub; see `hub_upload.push`."""
    hub_upload.check(name, token)
    hub_upload.check_permission(name, token)
    with scratch.temporary() as temporary:
        folder = yield from write(ref, temporary / "model")
        return (yield from hub_upload.push(folder, name, private, token))


def _hub_name(family: str, name: str) -> str:
    """The name in the family's classification class of a weight of an EncoderClassifier."""
    parts = FAMILIES[family]
    part, _, rest = name.partition(".")
    if part == "body":
        return f"{parts.prefix}.{rest}"
    module, _, rest = rest.partition(".")
    path = next(path for path in parts.head if path.rpartition(".")[2] == module)
    return f"{path}.{rest}"


def _usage(checkpoint: Checkpoint) -> str:
    several = ", top_k=None" if checkpoint.thresholds else ""
    scaled = calibration.read(checkpoint)
    notes = [
        f"It gives the probabilities of Unfreeze for texts of up to {checkpoint.max_length} tokens."
        + (" The temperature is part of its last layer." if scaled else "")
    ]
    if checkpoint.tail:
        notes.append(
            "Of a longer text, Unfreeze reads the end too, and transformers the start alone."
        )
    return f"""```python
from transformers import pipeline

pipeline("text-classification", "THIS FOLDER"{several})("a text", truncation=True)
```

{" ".join(notes)}"""
