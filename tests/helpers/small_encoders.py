"""Encoders of every family with random weights, small enough to train in a second."""

import json

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from ftcore.models.families import FAMILIES

WORDS = ["good", "bad", "film", "a", "the", "not", "is", "it", "##s", "##ly", "great", "awful"]
_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 100,
    "max_position_embeddings": 64,
}
_DISTILBERT = {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64}
_EXTRA = {
    "distilbert": _DISTILBERT | {"vocab_size": 100, "max_position_embeddings": 64},
    "electra": _SIZES | {"embedding_size": 16},
    "albert": _SIZES | {"embedding_size": 16},
    "modernbert": _SIZES
    | {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
}


def config_values(family):
    """The sizes of a small model in the names of its family."""
    pad = 1 if FAMILIES[family].offset else 0
    return _EXTRA.get(family, _SIZES) | {"pad_token_id": pad}


def hf_model(family, classes=2, **sizes):
    """The family's own classification class with random weights; `sizes` replace those of its config."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.for_model(family, **config_values(family) | sizes, num_labels=classes)
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(
        config, attn_implementation="eager"
    ).eval()


def write_folder(path, family="bert", classes=0, **sizes):
    """Write an encoder as on the Hub: config, weights, tokenizer. Without classes it has no head."""
    model = hf_model(family, classes or 2, **sizes)
    saved = model if classes else model.base_model
    path.mkdir(parents=True)
    config = model.config.to_diff_dict() | {"model_type": family}
    config["architectures"] = [type(saved).__name__]
    if classes:
        config["id2label"] = {str(number): f"label {number}" for number in range(classes)}
    (path / "config.json").write_text(json.dumps(config))
    weights = {name: weight.contiguous().clone() for name, weight in saved.state_dict().items()}
    save_file(weights, path / "model.safetensors")
    (path / "tokenizer.json").write_text(small_tokenizer().to_str())
    return path


def small_tokenizer():
    """A WordPiece tokenizer of a few words and all letters, as BERT's."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = [
        "[PAD]",
        "[CLS]",
        "[SEP]",
        "[UNK]",
        *WORDS,
        *letters,
        *(f"##{x}" for x in letters),
        "'",
    ]
    ids = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return tokenizer
