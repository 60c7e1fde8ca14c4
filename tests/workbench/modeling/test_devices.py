"""Devices: what is chosen where, and what is refused."""

import pytest
import torch

from tests.tiny_models import tiny_model
from workbench.modeling.attention import use_causal_attention
from workbench.modeling.devices import (
    autocast,
    compile_blocks,
    compiling_pays,
    has_fast_bf16,
    resolve_device,
    resolve_dtype,
    set_threads,
)

CPU = torch.device("cpu")


def test_device_and_dtype():
    assert resolve_device("cpu") == CPU
    assert resolve_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_dtype("float32", CPU) == torch.float32
    assert resolve_dtype("auto", CPU) == (torch.bfloat16 if has_fast_bf16(CPU) else torch.float32)
    with pytest.raises(ValueError, match="got 'float16'"):
        resolve_dtype("float16", CPU)
    with pytest.raises(ValueError, match="device 'warp' cannot be used here"):
        resolve_device("warp")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="device 'cuda' cannot be used here"):
        resolve_device("cuda")


def test_bf16_is_asked_of_the_cpu_itself(monkeypatch):
    for flags, want in [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx512_f": True}, False),
    ]:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert has_fast_bf16(CPU) is want


def test_autocast_changes_the_format_only_when_asked():
    a = torch.ones(2, 2)
    with autocast(CPU, torch.float32):
        assert (a @ a).dtype == torch.float32
    with autocast(CPU, torch.bfloat16):
        assert (a @ a).dtype == torch.bfloat16


def test_threads():
    before = torch.get_num_threads()
    try:
        assert set_threads(1) == 1
        assert set_threads(0) == 1
    finally:
        torch.set_num_threads(before)
    with pytest.raises(ValueError, match="0 \\(as the environment says\\) or more"):
        set_threads(-1)


def test_when_compiling_pays(monkeypatch):
    assert compiling_pays("on", CPU, 0) and not compiling_pays("off", CPU, 1e9)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/g++")
    assert compiling_pays("auto", CPU, 3600) and not compiling_pays("auto", CPU, 60)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert not compiling_pays("auto", CPU, 3600)
    with pytest.raises(ValueError, match="got 'yes'"):
        compiling_pays("yes", CPU, 1)


@pytest.mark.soak
def test_compiled_blocks_are_the_same_model_and_share_a_graph():
    """With the `eager` backend nothing is built, but the blocks are traced as any backend would have them."""
    from torch._dynamo.testing import CompileCounter

    model = tiny_model(num_hidden_layers=3)
    use_causal_attention(model)
    ids = torch.arange(10)[None]
    want, names = model(ids).logits, list(model.state_dict())
    counter = CompileCounter()
    for layer in model.model.layers:
        layer.compile(backend=counter)
    with torch.no_grad():
        torch.testing.assert_close(model(ids, use_cache=False).logits, want, rtol=1e-5, atol=1e-5)
    assert counter.frame_count == 1, "three blocks, one graph"
    assert list(model.state_dict()) == names
    compile_blocks(model.model.layers)
    assert all(layer._compiled_call_impl is not None for layer in model.model.layers)
