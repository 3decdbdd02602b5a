"""Tiny random models of the real kinds, saved as their libraries save them."""

import json
from pathlib import Path

TEXTS = ("a happy face", "an angry man", "rain")


def save_clip(folder: Path) -> Path:
    """A CLIP of 16 numbers with a byte-level vocabulary."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    folder.mkdir(parents=True, exist_ok=True)
    letters = list(bytes_to_unicode().values())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: at for at, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    torch.manual_seed(0)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **layers,
        "vocab_size": len(tokens),
        "max_position_embeddings": 77,
        "bos_token_id": vocabulary["<|startoftext|>"],
        "eos_token_id": vocabulary["<|endoftext|>"],
    }
    vision = {**layers, "image_size": 32, "patch_size": 8}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size).save_pretrained(folder)
    return folder


def save_siglip(folder: Path) -> Path:
    """A SigLIP of 32 numbers with a vocabulary of words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipImageProcessorPil, SiglipModel

    words = ["<pad>", "<unk>", *sorted({word for text in TEXTS for word in text.split()})]
    plain = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token=words[1]))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(1)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**layers, "vocab_size": len(words), "max_position_embeddings": 16, "projection_size": 32}
    vision = {**layers, "image_size": 32, "patch_size": 8}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    torch.nn.init.constant_(model.logit_scale, 1.5)
    torch.nn.init.constant_(model.logit_bias, -0.5)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=plain, pad_token=words[0], unk_token=words[1]).save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def save_dinov2(folder: Path) -> Path:
    """A DINOv2 of 32 numbers."""
    import torch
    from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

    torch.manual_seed(2)
    layers = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    Dinov2Model(Dinov2Config(**layers, image_size=28, patch_size=14)).save_pretrained(folder)
    size = {"height": 28, "width": 28}
    BitImageProcessorPil(size={"shortest_edge": 28}, crop_size=size).save_pretrained(folder)
    return folder
